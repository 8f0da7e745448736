"""Plots fit into their drawings, whatever the values."""

import pytest

from crossimage.evaluation.report.figures import Figure
from crossimage.evaluation.report.plots import ROW, WIDTH, Histogram, draw, plot_of


def test_a_histogram_of_equal_values_can_be_drawn() -> None:
    (columns,) = draw(Histogram("", "", {"one": [0.5, 0.5]})).series
    assert len(columns.shapes) == 1


def figures(
    *values: float, interval: tuple[float, float] | None = None
) -> list[tuple[int, Figure]]:
    return [(i, Figure("kid", v, interval, 3, "how", None, "none 0")) for i, v in enumerate(values)]


def test_bars_begin_at_zero_and_are_as_long_as_their_values() -> None:
    plot = plot_of("kid", "lower is better", figures(-1.0, 3.0))
    below, above = plot.bars
    assert below.x + below.width == pytest.approx(plot.zero) == pytest.approx(above.x)
    assert above.width == pytest.approx(3 * below.width)
    assert above.y - below.y == ROW and above.x + above.width <= WIDTH
    assert (below.label, above.label) == ("-1", "3") and plot.hint == "lower is better"


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), -float("inf")])
def test_any_value_has_a_bar_within_the_drawing(value: float) -> None:
    (bar,) = plot_of("kid", "", figures(value, interval=(-1.0, 2.0))).bars
    assert bar.interval is not None
    assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
    assert 0 <= bar.interval[0] < bar.interval[1] <= WIDTH
