"""Figures are plain data, with intervals where there are enough values."""

import pytest

from crossimage.evaluation.report.figures import Figure, library, mean_of, share_of


def test_figures_are_plain_data_even_where_infinite() -> None:
    figure = Figure("psnr", float("inf"), (1.0, 2.0), 3, "p", None, library("torch"))
    assert figure.to_dict()["value"] == "inf" and figure.to_dict()["interval"] == [1.0, 2.0]
    assert figure.library.startswith("torch ")


def test_a_mean_has_an_interval_where_there_are_two_values() -> None:
    assert mean_of([2.0]) == (2.0, None)
    mean, interval = mean_of([1.0, 3.0, 1.0, 3.0])
    assert mean == 2 and interval is not None
    assert interval[1] - 2 == pytest.approx(1.96 * (4 / 3) ** 0.5 / 2, rel=1e-3)
    assert mean_of([float("inf"), 1.0])[1] is None


def test_shares_have_wilson_intervals() -> None:
    assert share_of([0.0] * 10) == (0, pytest.approx((0, 0.27754), abs=1e-5))
    assert share_of([1.0] * 5 + [0.0] * 5)[1] == pytest.approx((0.23659, 0.76341), abs=1e-5)
