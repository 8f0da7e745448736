"""Plots of a report as shapes, which the page's template draws as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossimage.evaluation.report.figures import Figure

WIDTH, ROW = 360, 38
"""Width of a drawing, and height of one bar with the name above it."""

_TOP, _LEFT, _RIGHT = 4, 8, 64
_BINS, _HEIGHT, _TICKS = 24, 140, 20  # of histograms; the last is the height of tick labels


@dataclass(frozen=True)
class Bar:
    """The bar of one run in the plot of a figure, in the drawing's coordinates.

    Attributes:
        run: Index of the run.
        y: Top of its row.
        x: Left end.
        width: Length.
        interval: Left and right end of the confidence interval.
        label: The value.
        comparable: Whether it may be compared with the figures of others.
    """

    run: int
    y: int
    x: float
    width: float
    interval: tuple[float, float] | None
    label: str
    comparable: bool


@dataclass(frozen=True)
class FigurePlot:
    """The plot of one figure, with a bar per run.

    Attributes:
        name: Name of the figure.
        hint: Which direction is better.
        height: Height of the drawing.
        zero: Position of 0.
        bars: One bar per run that has the figure.
    """

    name: str
    hint: str
    height: int
    zero: float
    bars: list[Bar]


@dataclass(frozen=True)
class Histogram:
    """The distributions of several series of values.

    Attributes:
        title: What is compared.
        axis: What the values are.
        series: The values, which are finite, by the name of the series.
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
        mean: Position of the mean of its values.
    """

    name: str
    shapes: list[tuple[float, float, float, float]]
    mean: float


@dataclass(frozen=True)
class Drawing:
    """A histogram in the drawing's coordinates.

    Attributes:
        height: Height of the drawing.
        base: Position of the base line.
        series: The columns of every series.
        ticks: Positions and texts of the tick labels.
    """

    height: int
    base: int
    series: list[Columns]
    ticks: list[tuple[float, str]]


def plot_of(name: str, hint: str, figures: Sequence[tuple[int, Figure]]) -> FigurePlot:
    """Lay out the plot of one figure.

    Args:
        name: Name of the figure.
        hint: Which direction is better.
        figures: Indices of the runs that have the figure, with its values there.
    """
    ends = [0.0]
    for _, figure in figures:
        ends += [end for end in (figure.value, *(figure.interval or ())) if math.isfinite(end)]
    low, high = min(ends), max(ends)
    scale = (WIDTH - _LEFT - _RIGHT) / ((high - low) or 1.0)

    def position(value: float) -> float:
        value = min(max(value, low), high) if not math.isnan(value) else 0.0
        return _LEFT + (value - low) * scale

    bars = []
    for row, (run, figure) in enumerate(figures):
        left, right = sorted((position(0), position(figure.value)))
        interval = figure.interval and (position(figure.interval[0]), position(figure.interval[1]))
        bars.append(
            Bar(
                run, _TOP + row * ROW, left, right - left, interval, f"{figure.value:.4g}",
                figure.comparable,
            )
        )  # fmt: skip
    return FigurePlot(name, hint, 2 * _TOP + ROW * len(figures), position(0), bars)


def draw(histogram: Histogram) -> Drawing:
    """Lay out a histogram: columns of the same width for all series, whose heights are shares."""
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
            (_LEFT + column * width, _HEIGHT - height, width, height)
            for column, height in enumerate(heights)
            if height
        ]
        mean = sum(series[name]) / len(series[name])
        drawn.append(Columns(name, shapes, _LEFT + (mean - low) / step * width))
    ticks = [(_LEFT + k * width, f"{low + k * step:.3g}") for k in (0, _BINS // 2, _BINS)]
    return Drawing(_HEIGHT + _TICKS, _HEIGHT, drawn, ticks)
