"""Curves over steps or time in the coordinates of a drawing, smoothed and thinned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Points = list[tuple[float, float]]

WIDTH, HEIGHT = 340, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 10, 26
FRAME = {
    "width": WIDTH, "height": HEIGHT, "left": _LEFT, "right": WIDTH - _RIGHT, "top": _TOP,
    "bottom": HEIGHT - _BOTTOM,
}  # fmt: skip
"""Size of a drawing, and the edges of the area with the curves."""

_MAX_POINTS = 400


@dataclass(frozen=True)
class Curve:
    """A curve in the coordinates of its drawing.

    Attributes:
        last: Its last value.
        raw: Its points, in SVG's notation.
        smooth: Points of the smoothed curve.
    """

    last: str
    raw: str
    smooth: str


@dataclass(frozen=True)
class CurvePlot:
    """Curves on common axes.

    Attributes:
        curves: The curves, in the given order.
        x_ticks: Positions and labels.
        y_ticks: Positions and labels.
    """

    curves: list[Curve]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def plot_of(
    series: Sequence[Points], *, smoothed: bool = True, label: Callable[[float], str] | None = None
) -> CurvePlot:
    """Lay out curves on common axes.

    The highest and lowest fiftieth of a curve's values may lie beyond the axis, at its edge.

    Args:
        series: The points of each curve, at least one, in the order of x; all values are finite.
        smoothed: Whether there is a smoothed curve besides; otherwise it is the curve itself.
        label: Text of a value on the x-axis; None: x are steps, which are labelled where whole.
    """
    raws = [_thin(points) for points in series]
    smooths = [_thin(_smooth(points)) if smoothed else _thin(points) for points in series]
    shown: list[float] = []
    for raw, smooth in zip(raws, smooths, strict=True):
        ordered = sorted(value for _, value in raw)
        outliers = len(ordered) // 50  # on each side; spikes must not flatten the rest
        shown += ordered[outliers : len(ordered) - outliers] + [value for _, value in smooth]
    low, high = min(shown), max(shown)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - margin, high + margin
    first = min(points[0][0] for points in series)
    last = max(points[-1][0] for points in series)
    if first == last:
        first, last = first - 1, last + 1

    def to_x(step: float) -> float:
        return _LEFT + (step - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def to_y(value: float) -> float:
        y = HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)
        return min(max(y, _TOP), HEIGHT - _BOTTOM)

    def polyline(line: Points) -> str:
        line = line * 2 if len(line) == 1 else line  # a single point would not be drawn
        return " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in line)

    marks = [x for x in _ticks(first, last) if label or x == int(x)]
    return CurvePlot(
        curves=[
            Curve(f"{points[-1][1]:.4g}", polyline(raw), polyline(smooth))
            for points, raw, smooth in zip(series, raws, smooths, strict=True)
        ],
        x_ticks=[(to_x(x), (label or _short)(x)) for x in marks],
        y_ticks=[(to_y(y), f"{y:.4g}") for y in _ticks(low, high)],
    )


def _smooth(points: Points) -> Points:
    """Return a running mean whose memory is a fortieth of the points."""
    keep = 1 - 1 / max(len(points) / 40, 1)
    total = weight = 0.0
    smoothed = []
    for step, value in points:
        total, weight = keep * total + value, keep * weight + 1
        smoothed.append((step, total / weight))
    return smoothed


def _thin(points: Points) -> Points:
    """Reduce to at most 400 points, means of neighbouring ones; the last point is kept."""
    size = math.ceil(len(points) / _MAX_POINTS)
    if size <= 1:
        return points
    groups = (points[i : i + size] for i in range(0, len(points), size))
    thinned = [(_mean([x for x, _ in group]), _mean([y for _, y in group])) for group in groups]
    return [*thinned[:-1], points[-1]]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers between two values."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _short(step: float) -> str:
    """Abbreviate a number of steps: 800, 12k, 1.5M."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if abs(step) >= unit:
            return f"{step / unit:.4g}{name}"
    return f"{step:.0f}"
