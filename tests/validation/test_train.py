"""Runs that are evaluated on their way keep their best model, and may end early."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

import crossimage
from crossimage import TrainingResult, Translator
from crossimage.checkpoints.model_file import model_hash
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.methods import METHODS
from crossimage.training.best.evaluations import Evaluations
from crossimage.training.best.standing import read_standing
from crossimage.validation.metric import chosen_metric
from tests.conftest import small
from tests.data.helpers import noise, save
from tests.faults.harness import digest

TINY = {"batch_size": 1, "width": 2, "decay_steps": 0, "sample_count": 1}
Validate = Callable[[Translator], Mapping[str, float]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two domains with folders for validation and tests."""
    root = tmp_path_factory.mktemp("data")
    for seed, letter in enumerate("AB"):
        for number, (split, count) in enumerate((("train", 6), ("val", 3), ("test", 2))):
            for image in range(count):
                pixels = noise(1000 * seed + 100 * number + image, 20, 20)
                save(root / f"{split}{letter}" / f"{image}.png", pixels)
    return root


class Scripted:
    """Returns figures in a given order, one for each evaluation, and remembers the models."""

    def __init__(self, *values: float) -> None:
        self.values, self.models = list(values), list[str]()

    def __call__(self, model: Translator) -> dict[str, float]:
        self.models.append(model_hash(model.networks))
        return {"score": self.values[len(self.models) - 1], "other": 1.0}


def train(
    data: Path, out: Path, validate: Validate | None = None, **changes: Any
) -> TrainingResult:
    steps = changes.pop("evaluate_every", 2)
    progress = changes.pop("on_progress", None)
    settings = small("cyclegan", **TINY, evaluate_every=steps, **changes)
    return crossimage.train(
        "cyclegan", data, out, validate=validate, on_progress=progress, **settings
    )


def hash_of(model: Path) -> str:
    return model_hash(crossimage.load(model, "cpu").networks)


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A run that a metric evaluates, with a running average."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return train(data, out, ema_decay=0.5, best_metric="l1")


def test_training_is_the_same_with_and_without_evaluations(
    whole: TrainingResult, data: Path, tmp_path: Path
) -> None:
    plain = crossimage.train("cyclegan", data, tmp_path, **small("cyclegan", **TINY, ema_decay=0.5))
    assert plain.standing is None and plain.best_path is None
    states = [Checkpoints(run, 1).load_newest(pytest.fail) for run in (whole.run, tmp_path)]
    for key in ("method", "average", "optimizers", "recorder"):
        first, second = (digest(state[1][key]) for state in states if state)
        assert first == second, key


def test_the_figures_are_in_the_table_and_on_the_page(whole: TrainingResult) -> None:
    rows = {row.step: row.losses.get("validation/l1") for row in whole.history}
    assert [*rows] == [0, 2, 4, 6] and all(rows.values())
    assert "generators/cycle" in whole.history[-1].losses
    assert whole.standing is not None and whole.standing.last is not None
    assert rows[6] == pytest.approx(whole.standing.last.value, rel=1e-4)
    assert "l1" in whole.page_path.read_text() and "best model" in whole.page_path.read_text()


def test_figures_between_two_rows_of_losses_have_rows_of_their_own(
    data: Path, tmp_path: Path
) -> None:
    result = train(data, tmp_path, Scripted(1, 2, 3, 4), evaluate_every=3, steps=8, log_every=4)
    table = {row.step: sorted(row.losses)[-1] for row in result.history}
    assert table == {step: "validation/score" for step in (0, 3, 6, 8)} | {4: table[4]}
    assert table[4] == "generators/identity"


def test_the_model_that_is_evaluated_is_the_one_that_is_saved(data: Path, tmp_path: Path) -> None:
    script = Scripted(0, 1, 2, 3)
    result = train(data, tmp_path, script, ema_decay=0.5)
    assert len({*script.models}) == 4
    assert hash_of(result.model_path) == script.models[-1]
    weights = load_file(tmp_path / "best.safetensors")
    assert digest(weights) == digest(load_file(result.model_path))


def test_the_best_of_a_run_is_kept_beside_the_last(data: Path, tmp_path: Path) -> None:
    script = Scripted(0, 5, 1, 2)
    result = train(data, tmp_path, script)
    assert result.standing is not None and result.best_path is not None
    assert result.standing.best == (2, 5.0) and result.standing.last == (6, 2.0)
    assert hash_of(result.best_path) == script.models[1]
    assert hash_of(tmp_path) == script.models[3], "a run stands for its last model"
    assert not result.stopped_early


def test_best_metric_names_one_of_several_figures(data: Path, tmp_path: Path) -> None:
    result = train(data, tmp_path, Scripted(0, 1, 2, 3), best_metric="other")
    assert result.standing is not None and result.standing.best == (0, 1.0)
    with pytest.raises(ValueError, match="returned score, other, but best_metric is third"):
        train(data, tmp_path / "more", Scripted(0), best_metric="third")


def test_a_run_ends_early_and_stays_ended_until_there_is_more_patience(
    data: Path, tmp_path: Path
) -> None:
    script = Scripted(0, 5, 4, 3, 2, 1, 6)
    result = train(data, tmp_path, script, patience=2, steps=12)
    assert (result.step, result.stopped_early, result.stopped_by) == (6, True, None)
    assert Checkpoints(tmp_path, 1).newest_path() == tmp_path / "checkpoints" / "step-00000006.pt"
    again = train(data, tmp_path, script, patience=2, steps=12)
    assert (again.first_step, again.step, again.stopped_early) == (6, 6, True)
    longer = train(data, tmp_path, script, patience=4, steps=12)
    assert (longer.first_step, longer.step, longer.stopped_early) == (6, 10, True)
    last = train(data, tmp_path, script, steps=12)
    assert (last.first_step, last.step, last.stopped_early) == (10, 12, False)
    assert last.standing is not None and last.standing.best == (12, 6.0)


def test_a_run_that_is_stopped_after_every_step_ends_the_same(
    whole: TrainingResult, data: Path, tmp_path: Path
) -> None:
    for _ in range(20):
        result = train(
            data, tmp_path, ema_decay=0.5, best_metric="l1", log_every=2,
            on_progress=lambda progress: False,
        )  # fmt: skip
        if result.stopped_by is None:
            break
    check_same(whole.run, tmp_path)


def check_same(one: Path, two: Path) -> None:
    assert (one / "validation.json").read_bytes() == (two / "validation.json").read_bytes()
    assert hash_of(one / "best.safetensors") == hash_of(two / "best.safetensors")
    assert hash_of(one) == hash_of(two)


class KilledError(BaseException):
    """Ends a run as abruptly as a kill does, as far as its files are concerned."""


@pytest.mark.parametrize("before", ["keep", "write"])
def test_a_kill_around_the_file_of_the_best_model_leaves_nothing_wrong(
    whole: TrainingResult, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    done = getattr(Evaluations, before)
    kills = [0, 1, 2, 3]

    def kill(self: Evaluations, *arguments: object) -> None:
        last = self.standing.last
        if last and kills and last.step >= 2 * kills[0]:
            kills.pop(0)
            raise KilledError
        done(self, *arguments)

    monkeypatch.setattr(Evaluations, before, kill)
    for _ in range(9):
        try:
            train(data, tmp_path, ema_decay=0.5, best_metric="l1")
        except KilledError:
            continue
        break
    standing, state = read_standing(tmp_path), Checkpoints(tmp_path, 1).load_newest(pytest.fail)
    assert standing is not None and state is not None
    check_same(whole.run, tmp_path)


def test_a_best_model_that_is_gone_is_chosen_again(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, Scripted(0, 5, 4, 3))
    (tmp_path / "best.safetensors").unlink()
    result = train(data, tmp_path, Scripted(1), steps=8)
    assert result.standing is not None and result.standing.best == (8, 1.0)
    assert "is gone; the best model is chosen again" in "".join(result.warnings)
    assert (tmp_path / "best.safetensors").is_file()


def test_after_a_damaged_checkpoint_the_file_is_not_taken_for_an_earlier_model(
    data: Path, tmp_path: Path
) -> None:
    train(data, tmp_path, Scripted(0, 5, 4, 9))
    newest = Checkpoints(tmp_path, 1).newest_path()
    assert newest is not None
    newest.write_bytes(newest.read_bytes()[:-9])
    result = train(data, tmp_path, Scripted(3))
    assert result.standing is not None and result.standing.best == (6, 3.0)
    assert "is the model of step 6, which the checkpoint does not record" in "".join(
        result.warnings
    )


def test_an_evaluation_that_fails_later_does_not_end_the_run(data: Path, tmp_path: Path) -> None:
    script = Scripted(0, 5)
    result = train(data, tmp_path, script)
    assert result.step == 6 and result.standing is not None
    assert result.standing.best == (2, 5.0) == result.standing.last
    assert "the evaluation at step 4 failed (IndexError" in "".join(result.warnings)
    with pytest.raises(IndexError):
        train(data, tmp_path / "new", Scripted())


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("cyclegan", {"best_metric": "kidd"}, "unknown metric 'kidd'; exp.*; did you mean 'kid'"),
        (
            "cyclegan",
            {"best_metric": "accuracy"},
            "a network that training does not take .classifier.; expected one",
        ),
        ("cyclegan", {"best_metric": "dipd"}, "few-shot models alone; expected one of fid, kid"),
        ("cyclegan", {"best_metric": "flicker"}, "frames of a video.*; expected one of fid, kid"),
        ("cyclegan", {"best_metric": "lpips"}, "neither end of it is better"),
        ("stargan", {"best_metric": "psnr"}, "no image .* has a partner; expected one of fid"),
        ("stargan_v2", {"best_metric": "is"}, "not a mean over several targets.* of fid, kid, edg"),
        ("gan", {"best_metric": "edges"}, "inputs .* not known.*; expected one of fid, kid, is$"),
        ("cyclegan", {"best_features": "gone.pth"}, "no gone.pth, given with best_features"),
        ("cyclegan", {"best_features": "incept"}, "no incept, .* expected random, inception or a"),
        ("cyclegan", {"evaluate_every": 0, "patience": 3}, "patience=3 needs evaluations; add eva"),
        ("srgan", {"features": "gone.pth"}, "no gone.pth, given with features"),
    ],
)
def test_what_cannot_be_computed_is_refused_before_the_data_is_read(
    tmp_path: Path, method: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        crossimage.train(method, "no-data", tmp_path, **{"evaluate_every": 2, **settings})


def test_every_method_has_a_metric_by_default() -> None:
    for method in METHODS.values():
        chosen_metric(method.Config(), method)


@pytest.mark.parametrize(
    ("removed", "metric", "message"),
    [
        (["0.png"], "psnr", r"valA/0.png has no partner.*\(fid, kid, is, edges\), or leave out"),
        (["0.png", "1.png"], "kid", r"at least 2 validation images of b, found 1.*\(edges\), or"),
    ],
)
def test_a_metric_that_the_images_do_not_fit_is_refused_before_the_run_has_a_folder(
    data: Path, tmp_path: Path, removed: list[str], metric: str, message: str
) -> None:
    others = shutil.copytree(data, tmp_path / "data")
    for name in removed:
        (others / "valB" / name).unlink()
    with pytest.raises(ValueError, match=message):
        train(others, tmp_path / "run", best_metric=metric)
    assert not (tmp_path / "run").exists()


def test_a_function_needs_an_interval(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set evaluate_every, too"):
        train(data, tmp_path, Scripted(0), evaluate_every=0)


def test_evaluations_cannot_be_switched_on_later(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, evaluate_every=0)
    with pytest.raises(ValueError, match="evaluate_every: 0 -> 2"):
        train(data, tmp_path, Scripted(0))


def test_the_interval_may_change(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, Scripted(0, 1, 2, 3))
    script = Scripted(9, 8)
    result = train(data, tmp_path, script, evaluate_every=3, steps=12)
    assert result.standing is not None and result.standing.best == (9, 9.0)
    shutil.rmtree(tmp_path)
