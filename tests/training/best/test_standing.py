"""Which model is the best, and for how long nothing was better."""

import math
from pathlib import Path

import pytest

from crossimage.training.best.standing import (
    FILE,
    BestSoFar,
    ModelFigure,
    has_ended_early,
    read_standing,
    write_standing,
)


def after(standing: BestSoFar, *values: float) -> BestSoFar:
    first = 0 if standing.last is None else standing.last.step + 10
    for number, value in enumerate(values):
        standing = standing.after(first + 10 * number, {"kid": value, "other": -value})
    return standing


LOWER = BestSoFar("kid", "lower", patience=2)


def test_the_better_end_decides() -> None:
    assert after(LOWER, 3.0, 1.0, 2.0).best == ModelFigure(10, 1.0)
    assert after(BestSoFar("kid", "higher"), 3.0, 1.0, 2.0).best == ModelFigure(0, 3.0)


def test_an_equal_figure_is_no_improvement() -> None:
    standing = after(LOWER, 1.0, 1.0)
    assert standing.best == ModelFigure(0, 1.0) and standing.stale == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_the_best(value: float) -> None:
    assert after(LOWER, value).best is None
    standing = after(LOWER, value, 5.0, value)
    assert standing.best == ModelFigure(10, 5.0) and standing.stale == 1


def test_patience_is_counted_from_the_best() -> None:
    standing = after(LOWER, 3.0, 4.0)
    assert not standing.exhausted
    assert not after(standing, 2.0, 5.0).exhausted and after(standing, 5.0).exhausted
    assert not BestSoFar("kid", "lower", stale=99).exhausted  # patience=0
    assert after(LOWER, 3.0, 4.0, 5.0).reason == (
        "kid did not improve in the last 2 evaluations; the best is kid 3 at step 0"
    )


def test_evaluations_of_earlier_stages_do_not_count() -> None:
    standing = LOWER.after(0, {"kid": 1.0})
    for step in (1, 2, 3):
        standing = standing.after(step, {"kid": 1.0}, counts=False)
    assert standing.stale == 0


@pytest.mark.parametrize("values", [[], [3.0, 2.0, 4.0], [math.nan], [1.0, math.inf]])
def test_it_is_read_as_it_was_written(tmp_path: Path, values: list[float]) -> None:
    standing = after(LOWER, *values)
    write_standing(tmp_path, standing)
    assert repr(read_standing(tmp_path)) == repr(standing)
    assert repr(BestSoFar.from_plain(standing.plain())) == repr(standing)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"best": 3, "last": null, "figures": {}}'])
def test_a_damaged_file_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_standing(tmp_path) is None and not has_ended_early(tmp_path, 10)


def test_a_run_has_ended_early_if_its_last_evaluation_says_so(tmp_path: Path) -> None:
    write_standing(tmp_path, after(LOWER, 1.0, 2.0, 3.0))
    assert has_ended_early(tmp_path, 20) and not has_ended_early(tmp_path, 30)
    write_standing(tmp_path, after(LOWER, 1.0, 2.0))
    assert not has_ended_early(tmp_path, 10)
