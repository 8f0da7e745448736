"""A run's page: its facts, its losses and its sample sheets over time, in one HTML file.

The page needs no network and no server; the sheets are linked relative to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crossimage.training.loss_table import read_rows
from crossimage.utils.files import write_text
from crossimage.utils.html import page_template

Points = list[tuple[float, float]]

_WIDTH, _HEIGHT = 340, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 8, 22
_MOST_POINTS = 400
_SHEET = re.compile(r"step-(\d+)\.png")


@dataclass(frozen=True)
class Plot:
    """One loss over the steps, in the coordinates of the drawing.

    Attributes:
        name: The loss term.
        last: Its last value.
        raw: The corners of the values' line, as SVG writes them.
        smooth: The corners of the smoothed line.
        x_ticks: Position and label.
        y_ticks: Position and label.
    """

    name: str
    last: str
    raw: str
    smooth: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def write_page(run: Path, *, title: str, facts: Mapping[str, str]) -> None:
    """Write ``RUN/index.html`` from ``RUN/metrics.csv`` and ``RUN/samples/step-*.png``.

    Args:
        run: The run's folder; the losses and the samples may still be missing.
        title: Headline of the page.
        facts: What stands below it, by its caption: method, data, step, speed, time left.

    Raises:
        OSError: The page can't be written; the one that stood there still stands.
    """
    players: dict[str, list[Plot]] = {}
    for name, points in _losses(run / "metrics.csv").items():
        player, _, term = name.partition("/")
        players.setdefault(player, []).append(_plot(term, points))
    frame = {"width": _WIDTH, "height": _HEIGHT, "left": _LEFT, "right": _WIDTH - _RIGHT}
    page = page_template("run.html").render(
        title=title,
        facts=facts,
        players=players,
        frame=frame | {"top": _TOP, "bottom": _HEIGHT - _BOTTOM},
        sheets=_sheets(run / "samples"),
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
    )
    write_text(run / "index.html", page)


def _sheets(folder: Path) -> list[tuple[int, str]]:
    """Steps of the sample sheets and their links, the oldest first."""
    named = ((_SHEET.fullmatch(path.name), path) for path in folder.glob("step-*.png"))
    return sorted((int(name[1]), f"{folder.name}/{path.name}") for name, path in named if name)


def _losses(path: Path) -> dict[str, Points]:
    """Read the finite (step, value) pairs of every ``player/term``."""
    losses: dict[str, Points] = {}
    for row in read_rows(path):
        for name, value in row.losses.items():
            if math.isfinite(value):
                losses.setdefault(name, []).append((row.step, value))
    return losses


def _plot(name: str, points: Points) -> Plot:
    raw, smooth = _thin(points), _thin(_smooth(points))
    ordered = sorted(value for _, value in raw)
    spare = len(ordered) // 50  # a few spikes shall not flatten the rest
    shown = ordered[spare : len(ordered) - spare] + [value for _, value in smooth]
    low, high = min(shown), max(shown)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - margin, high + margin
    first, last = points[0][0], points[-1][0]
    if first == last:
        first, last = first - 1, last + 1

    def place_x(step: float) -> float:
        return _LEFT + (step - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def place_y(value: float) -> float:
        y = _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return min(max(y, _TOP), _HEIGHT - _BOTTOM)

    def corners(line: Points) -> str:
        line = line * 2 if len(line) == 1 else line  # one corner alone would not be drawn
        return " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in line)

    return Plot(
        name=name,
        last=f"{points[-1][1]:.4g}",
        raw=corners(raw),
        smooth=corners(smooth),
        x_ticks=[(place_x(x), _short(x)) for x in _ticks(first, last) if x == int(x)],
        y_ticks=[(place_y(y), f"{y:.4g}") for y in _ticks(low, high)],
    )


def _smooth(points: Points) -> Points:
    """A running mean that forgets over a fortieth of the points."""
    keep = 1 - 1 / max(len(points) / 40, 1)
    total = weight = 0.0
    smoothed = []
    for step, value in points:
        total, weight = keep * total + value, keep * weight + 1
        smoothed.append((step, total / weight))
    return smoothed


def _thin(points: Points) -> Points:
    """At most 400 points: the means of equally many neighbours, the last one as it is."""
    size = math.ceil(len(points) / _MOST_POINTS)
    if size <= 1:
        return points
    groups = (points[i : i + size] for i in range(0, len(points), size))
    thinned = [(_mean([x for x, _ in group]), _mean([y for _, y in group])) for group in groups]
    return [*thinned[:-1], points[-1]]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between two values."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _short(step: float) -> str:
    """A number of steps in few characters: 800, 12k, 1.5M."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if abs(step) >= unit:
            return f"{step / unit:.4g}{name}"
    return f"{step:.0f}"
