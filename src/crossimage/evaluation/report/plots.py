"""Plots of a report, in the coordinates of their drawings; the page's template paints them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossimage.evaluation.report.figures import Figure

WIDTH, ROW = 360, 38
"""Width of a drawing, and height of a row: a name with a bar below it."""

_TOP, _LEFT, _RIGHT = 4, 8, 64
_BINS, _HEIGHT, _BELOW = 24, 140, 20  # of histograms; the last is for the numbers below


@dataclass(frozen=True)
class Bar:
    """One run's bar in a figure's plot, in the coordinates of the drawing.

    Attributes:
        run: Number of the run, from 0 on.
        y: Top of its row.
        x: Left end.
        width: Length.
        interval: Left and right end of the confidence interval.
        label: The value.
        comparable: Whether others' figures may be compared with it.
    """

    run: int
    y: int
    x: float
    width: float
    interval: tuple[float, float] | None
    label: str
    comparable: bool


@dataclass(frozen=True)
class Plot:
    """One figure of all runs.

    Attributes:
        name: What was measured.
        hint: Which direction is better.
        height: Height of the drawing.
        zero: Where 0 stands.
        bars: A bar a run that has the figure.
    """

    name: str
    hint: str
    height: int
    zero: float
    bars: list[Bar]


@dataclass(frozen=True)
class Histogram:
    """How often which values were found, in several series.

    Attributes:
        title: What is compared.
        axis: What the values are.
        series: The values by the name of the series; finite numbers.
    """

    title: str
    axis: str
    series: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Columns:
    """One series of a histogram.

    Attributes:
        name: Its name.
        shapes: Left end, top, width and height of its columns.
        mean: Where the mean of its values stands.
    """

    name: str
    shapes: list[tuple[float, float, float, float]]
    mean: float


@dataclass(frozen=True)
class Drawing:
    """A histogram as it is drawn.

    Attributes:
        height: Height of the drawing.
        base: Where the columns stand.
        series: The columns of every series.
        ticks: Places of numbers below, with these numbers.
    """

    height: int
    base: int
    series: list[Columns]
    ticks: list[tuple[float, str]]


def plot_of(name: str, hint: str, found: Sequence[tuple[int, Figure]]) -> Plot:
    """Bars of one figure.

    Args:
        name: What was measured.
        hint: Which direction is better.
        found: Numbers of the runs that have the figure, with theirs.
    """
    ends = [0.0]
    for _, figure in found:
        ends += [end for end in (figure.value, *(figure.interval or ())) if math.isfinite(end)]
    low, high = min(ends), max(ends)
    scale = (WIDTH - _LEFT - _RIGHT) / ((high - low) or 1.0)

    def place(value: float) -> float:
        value = min(max(value, low), high) if not math.isnan(value) else 0.0
        return _LEFT + (value - low) * scale

    bars = []
    for row, (number, figure) in enumerate(found):
        left, right = sorted((place(0), place(figure.value)))
        interval = figure.interval and (place(figure.interval[0]), place(figure.interval[1]))
        bars.append(
            Bar(
                number, _TOP + row * ROW, left, right - left, interval, f"{figure.value:.4g}",
                figure.comparable,
            )
        )  # fmt: skip
    return Plot(name, hint, 2 * _TOP + ROW * len(found), place(0), bars)


def draw(histogram: Histogram) -> Drawing:
    """A histogram's drawing: columns of one width for all series, as shares of each of them."""
    series = histogram.series
    low, high = (pick(pick(values) for values in series.values()) for pick in (min, max))
    step = (high - low) / _BINS or 1 / _BINS
    counts = {name: [0] * _BINS for name in series}
    for name, values in series.items():
        for value in values:
            counts[name][min(_BINS - 1, int((value - low) / step))] += 1
    shares = {name: [n / len(series[name]) for n in own] for name, own in counts.items()}
    highest = max(max(own) for own in shares.values())
    width = (WIDTH - 2 * _LEFT) / _BINS
    drawn = []
    for name, own in shares.items():
        heights = [share / highest * (_HEIGHT - _TOP) for share in own]
        shapes = [
            (_LEFT + place * width, _HEIGHT - height, width, height)
            for place, height in enumerate(heights)
            if height
        ]
        mean = sum(series[name]) / len(series[name])
        drawn.append(Columns(name, shapes, _LEFT + (mean - low) / step * width))
    ticks = [(_LEFT + k * width, f"{low + k * step:.3g}") for k in (0, _BINS // 2, _BINS)]
    return Drawing(_HEIGHT + _BELOW, _HEIGHT, drawn, ticks)
