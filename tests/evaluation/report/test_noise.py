"""Reports say which differences between models lie within the noise."""

import json
from pathlib import Path

import pytest

from crossimage.evaluation.report.figures import HIGHER, LOWER, Figure
from crossimage.evaluation.report.noise import within_noise
from crossimage.evaluation.report.page import Evaluation, as_table
from crossimage.evaluation.report.result import report_result


def figure(value: float, half: float | None = None, name: str = "fid") -> Figure:
    interval = None if half is None else (value - half, value + half)
    direction = LOWER if name == "fid" else HIGHER
    return Figure(name, value, interval, 100, "protocol", 0, "torch", direction=direction)


def run(title: str, *figures: Figure) -> Evaluation:
    return Evaluation(title, {}, list(figures))


@pytest.mark.parametrize(
    "other, expected", [(14.9, True), (15.1, False), (5.1, True), (4.9, False)]
)
def test_the_noise_of_a_difference_is_that_of_both_figures(other: float, expected: bool) -> None:
    assert within_noise(figure(10, 3), figure(other, 4)) is expected
    assert within_noise(figure(other, 4), figure(10, 3)) is expected


def test_the_halves_that_face_each_other_count() -> None:
    share = Figure("error", 0.02, (0.01, 0.10), 50, "", None, "", direction=LOWER)
    assert within_noise(share, figure(0.09, 0.01))
    assert not within_noise(figure(-0.05, 0.01), share)


def test_a_figure_without_an_interval_is_never_called_noise() -> None:
    assert not within_noise(figure(10), figure(10.01, 3))


def test_the_table_marks_what_cannot_be_told_from_the_best(tmp_path: Path) -> None:
    models = [
        run("first", figure(10, 3), figure(2, 0.1, "is")),
        run("second", figure(12, 3), figure(3, 0.1, "is")),
        run("third", figure(30, 3), figure(3.05, 0.1, "is")),
    ]
    assert as_table(models) == [
        ["", "fid", "is"],
        ["first", "10 ± 3", "2 ± 0.1"],
        ["second", "12 ± 3 ≈", "3 ± 0.1 ≈"],
        ["third", "30 ± 3", "3.05 ± 0.1"],
    ]
    result = report_result(models, {}, tmp_path)
    text = str(result)
    assert "within the noise, fid: first and second" in text
    assert "within the noise, is: second and third" in text
    assert "≈ cannot be told from the best value" in text
    assert result.report_html and result.report_json
    page = result.report_html.read_text(encoding="utf-8")
    assert "12 ± 3 ≈" in page and "Within the noise, is: second and third" in page
    data = json.loads(result.report_json.read_text(encoding="utf-8"))
    assert data["within_noise"] == {"fid": [["first", "second"]], "is": [["second", "third"]]}


def test_nothing_is_said_about_one_model_or_clear_differences() -> None:
    one = report_result([run("only", figure(10, 3))], {}, None)
    two = report_result([run("a", figure(10, 1)), run("b", figure(20, 1))], {}, None)
    assert "noise" not in str(one) and "noise" not in str(two)
    assert "≈" not in str(two)
