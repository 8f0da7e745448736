"""What the training loop does with a method's moves."""

import csv
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor

from crossimage import train
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import build
from crossimage.methods.base import Batch, Method, Update
from crossimage.methods.munit import MUNIT
from crossimage.methods.pix2pix import Pix2Pix
from crossimage.networks.augmentation import strength
from crossimage.networks.augmentation.discriminators import Augmentation
from crossimage.training.listener import TrainingProgress
from crossimage.training.step.optimizers import PlainAdam
from crossimage.training.step.stepper import Stepper
from crossimage.utils.seeds import seed_of
from tests.conftest import small

pytestmark = pytest.mark.usefixtures("without_sheets")


def tiny(**changes: Any) -> dict[str, Any]:
    """Settings of a run of pix2pix, whose steps are the shortest."""
    return small("pix2pix", **({"decay_steps": 0} | changes))


def weights(run: Path) -> dict[str, Tensor]:
    found = Checkpoints(run, 1).load_newest(pytest.fail)
    assert found is not None
    return found[1]["method"]


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def poison(
    monkeypatch: pytest.MonkeyPatch,
    steps: Collection[int],
    key: str,
    number: float,
    method: type[Method] = Pix2Pix,
) -> None:
    """Multiply a loss of a method by a number in some steps, the first of them being 0."""
    player, _, term = key.partition("/")
    real = method.training_step

    def poisoned(self: Method, batch: Batch) -> Iterator[Update]:
        for update in real(self, batch):
            if batch.step in steps and update.player == player:
                update.losses[term] = update.losses[term] * number
            yield update

    monkeypatch.setattr(method, "training_step", poisoned)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_skipped_step_is_told_with_its_term_and_images_and_counted(
    number: float, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, {2}, "generators/l1", number)
    seen: list[TrainingProgress] = []
    result = train("pix2pix", pairs, tmp_path, **tiny(), on_progress=seen.append)
    told, counted = result.warnings
    assert "generators/l1 is not finite at step 3, whose images are" in told
    assert len(re.findall(r"\S+train[AB]/\d\.png", told)) == 8
    assert counted.startswith("1 of 6 steps skipped a move") and result.skipped_steps == 1
    assert [progress.skipped_steps for progress in seen] == [0, 1, 1]
    assert "1 skipped" in str(seen[1]) and "skipped" not in str(seen[0])
    page = (tmp_path / "index.html").read_text()
    assert "1 of 6" in page and "generators/l1 is not finite at step 3" in page
    again = train("pix2pix", pairs, tmp_path, **tiny())
    assert again.first_step == 6 and again.skipped_steps == 1


def test_only_the_first_skipped_steps_are_told_one_by_one(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, range(1, 6), "discriminators/adversarial", float("nan"))
    result = train("pix2pix", pairs, tmp_path, **tiny())
    *told, counted = result.warnings
    assert ["at step" in warning for warning in told] == [True, True, True]
    assert "only counted" in told[2] and "5 of 6" in counted
    assert all(value.isfinite().all() for value in weights(tmp_path).values())


def test_gradients_that_are_not_finite_are_told_as_such(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Pix2Pix.training_step

    def steep(self: Pix2Pix, batch: Batch) -> Iterator[Update]:
        for update in real(self, batch):
            if batch.step == 2:
                weight = next(self.players()[update.player].parameters())
                update.losses["adversarial"] = (
                    update.losses["adversarial"] + (weight * 0).sqrt().sum()
                )
            yield update

    monkeypatch.setattr(Pix2Pix, "training_step", steep)
    result = train("pix2pix", pairs, tmp_path, **tiny(log_every=1))
    assert "the gradients of the generators are not finite at step 3" in result.warnings[1]
    assert result.skipped_steps == 1 and [row.step for row in result.history] == [1, 2, 3, 4, 5, 6]
    assert result.history[2].losses == {}


def test_a_term_of_weight_zero_that_is_not_finite_skips_nothing(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, range(2), "generators/image", float("nan"), MUNIT)
    result = train("munit", folders, tmp_path, **small("munit", steps=2, weights={"image": 0.0}))
    assert result.skipped_steps == 0 and "generators/style" in result.history[0].losses
    assert not any("generators/image" in row.losses for row in result.history)


def test_with_a_loss_scaler_only_losses_skip_a_move(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients that overflow lower the scale, and that is all."""
    scaler = torch.amp.GradScaler("cpu", init_scale=16.0)
    scales: list[float] = []

    def backward(self: Fabric, loss: Tensor, **arguments: Any) -> None:
        scales.append(scaler.get_scale())
        scaler.scale(loss).backward(**arguments)

    real = Pix2Pix.training_step

    def steep(self: Pix2Pix, batch: Batch) -> Iterator[Update]:
        for update in real(self, batch):
            if batch.step == 3 and update.player == "generators":
                weight = next(self.players()["generators"].parameters())
                slope = (weight * 0).sqrt().sum()  # 0, of infinite slope
                update.losses["l1"] = update.losses["l1"] + slope
            yield update

    monkeypatch.setattr(Fabric, "backward", backward)
    monkeypatch.setattr(Stepper, "_scaler", scaler)
    monkeypatch.setattr(Pix2Pix, "training_step", steep)
    poison(monkeypatch, {1}, "generators/l1", float("nan"))
    result = train("pix2pix", pairs, tmp_path, **tiny())
    assert result.skipped_steps == 1 and "at step 2" in result.warnings[0]
    assert scales == [16.0] * 8 + [8.0] * 4
    assert all(value.isfinite().all() for value in weights(tmp_path).values())


@pytest.mark.parametrize("log_every", [2, 6])
def test_a_run_that_only_skips_is_saved_and_stops(
    log_every: int, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, {1, 3, 4, 5}, "generators/l1", float("nan"))
    settings = tiny(log_every=log_every, save_every=4, max_skipped_steps=2)
    with pytest.raises(ValueError, match="2 steps in a row .* at step 5") as caught:
        train("pix2pix", pairs, tmp_path / "run", **settings)
    newest = tmp_path / "run" / "checkpoints" / "step-00000005.pt"
    assert str(newest) in str(caught.value) and f"--init {tmp_path / 'run'} " in str(caught.value)
    state = torch.load(newest, weights_only=True)
    assert state["skipped"] == {"total": 3, "in_a_row": 2}
    for values in (state["method"], load_file(tmp_path / "run" / "model.safetensors")):
        assert all(value.isfinite().all() for value in values.values())
    # what the error advises
    monkeypatch.undo()
    lower = settings | {"learning_rate": 1e-4}
    result = train("pix2pix", pairs, tmp_path / "other", **lower, init_from=tmp_path / "run")
    assert result.step == 6 and result.skipped_steps == 0
    # the images of the next steps may be sound
    result = train("pix2pix", pairs, tmp_path / "run", **settings)
    assert (result.first_step, result.step, result.skipped_steps) == (5, 6, 3)


def test_divergence_of_a_weight_alone_is_noticed(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, moves = PlainAdam.step, iter((0, 1))

    def overflow(self: PlainAdam, closure: Any = None) -> None:
        real(self, closure)
        if next(moves) == 0:
            return  # the discriminators' weights would spoil the generators' losses too
        with torch.no_grad():
            self.param_groups[0]["params"][0].fill_(float("inf"))

    monkeypatch.setattr(PlainAdam, "step", overflow)
    with pytest.raises(ValueError, match="a weight is not finite at step 1; there is no check"):
        train("pix2pix", pairs, tmp_path, **tiny(steps=1, log_every=5))
    assert not (tmp_path / "checkpoints").exists()


def test_the_model_file_holds_the_running_average(pairs: Path, tmp_path: Path) -> None:
    settings = tiny(steps=1, ema_decay=0.75)
    train("pix2pix", pairs, tmp_path, **settings)
    torch.manual_seed(seed_of(0, "initialisation"))
    start = Pix2Pix(build(Pix2Pix.Config, settings)).state_dict()
    end = weights(tmp_path)
    model = load_file(tmp_path / "model.safetensors")
    assert any(not torch.equal(model[key], end[key]) for key in model)
    for key, value in model.items():
        # a young average holds at most n / (n + 9) of what was before step n
        torch.testing.assert_close(value, 0.1 * start[key] + 0.9 * end[key])


def test_without_average_the_model_file_holds_the_weights(pairs: Path, tmp_path: Path) -> None:
    train("pix2pix", pairs, tmp_path, **tiny(steps=1))
    model, end = load_file(tmp_path / "model.safetensors"), weights(tmp_path)
    assert all(torch.equal(model[key], end[key]) for key in model)


def test_a_term_of_weight_zero_is_logged_and_moves_nothing(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = small("munit", steps=2, log_every=1, weights={"style": 0.0})
    train("munit", folders, tmp_path / "zero", **without)
    assert float(rows(tmp_path / "zero")[0]["generators/style"]) > 0
    train("munit", folders, tmp_path / "one", **(without | {"weights": {"style": 1.0}}))
    real = MUNIT.training_step

    def absent(self: MUNIT, batch: Batch) -> Iterator[Update]:
        for update in real(self, batch):
            update.losses.pop("style", None)
            yield update

    monkeypatch.setattr(MUNIT, "training_step", absent)
    train("munit", folders, tmp_path / "absent", **without)
    assert same(weights(tmp_path / "zero"), weights(tmp_path / "absent"))
    assert not same(weights(tmp_path / "zero"), weights(tmp_path / "one"))


def test_the_weight_of_a_term_scales_its_gradient(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny(steps=1, weights={"l1": 0.5})
    train("pix2pix", pairs, tmp_path / "weighted", **settings)
    real = Pix2Pix.training_step

    def halved(self: Pix2Pix, batch: Batch) -> Iterator[Update]:
        for update in real(self, batch):
            if "l1" in update.losses:
                update.losses["l1"] = update.losses["l1"] / 2
            yield update

    monkeypatch.setattr(Pix2Pix, "training_step", halved)
    train("pix2pix", pairs, tmp_path / "halved", **(settings | {"weights": {"l1": 1.0}}))
    assert same(weights(tmp_path / "weighted"), weights(tmp_path / "halved"))


def test_the_learning_rate_decays_and_is_recorded(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    real = PlainAdam.step

    def watched(self: PlainAdam, closure: Any = None) -> None:
        used.append(self.param_groups[0]["lr"])
        real(self, closure)

    monkeypatch.setattr(PlainAdam, "step", watched)
    settings = tiny(steps=5, log_every=1, save_every=5, decay_every=2, decay_factor=0.1)
    train("pix2pix", pairs, tmp_path, **settings)
    expected = [1e-3, 1e-3, 1e-4, 1e-4, 1e-5]
    assert used[::2] == used[1::2] == pytest.approx(expected)  # two players
    assert [float(row["learning_rate"]) for row in rows(tmp_path)] == pytest.approx(expected)


def test_bf16_trains_on_the_cpu_and_keeps_fp32_weights(pairs: Path, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        settings = tiny(steps=2, precision=precision)
        train("pix2pix", pairs, tmp_path / precision, **settings)
    half = weights(tmp_path / "bf16")
    assert {value.dtype for value in half.values()} == {torch.float32}
    model = load_file(tmp_path / "bf16" / "model.safetensors")
    assert {value.dtype for value in model.values()} == {torch.float32}
    assert not same(half, weights(tmp_path / "fp32")), "bf16 was not used"
    losses = [float(rows(tmp_path / p)[0]["generators/l1"]) for p in ("fp32", "bf16")]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_another_seed_is_another_run(pairs: Path, tmp_path: Path) -> None:
    for name, seed in (("zero", 0), ("again", 0), ("one", 1)):
        train("pix2pix", pairs, tmp_path / name, **tiny(steps=2, seed=seed))
    assert same(weights(tmp_path / "zero"), weights(tmp_path / "again"))
    assert not same(weights(tmp_path / "zero"), weights(tmp_path / "one"))


def test_moments_in_another_order_of_the_memory_go_on_alike(pairs: Path, tmp_path: Path) -> None:
    for run in ("whole", "cut"):
        train("pix2pix", pairs, tmp_path / run, **tiny(steps=2))
    checkpoints = Checkpoints(tmp_path / "cut", 1)
    found = checkpoints.load_newest(pytest.fail)
    assert found is not None
    step, state = found
    for optimizer in state["optimizers"].values():
        for moments in optimizer["state"].values():
            for name, moment in moments.items():
                if moment.dim() == 4:
                    moments[name] = moment.transpose(1, 2).contiguous().transpose(1, 2)
    checkpoints.save(step, state)
    for run in ("whole", "cut"):
        train("pix2pix", pairs, tmp_path / run, **tiny(steps=4))
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_several_moves_of_a_player_are_logged_as_their_mean(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Pix2Pix.training_step

    def twice(self: Pix2Pix, batch: Batch) -> Iterator[Update]:
        yield from real(self, batch)
        yield Update("discriminators", {"adversarial": next(self.parameters()).sum() * 0 + 9.0})

    train("pix2pix", pairs, tmp_path / "once", **tiny(steps=1, log_every=1))
    monkeypatch.setattr(Pix2Pix, "training_step", twice)
    train("pix2pix", pairs, tmp_path / "twice", **tiny(steps=1, log_every=1))
    key = "discriminators/adversarial"
    once, mean = (float(rows(tmp_path / run)[0][key]) for run in ("once", "twice"))
    assert mean == pytest.approx((once + 9.0) / 2, rel=1e-4)


def test_the_strength_of_augmentation_is_logged_and_rises_with_overfitting(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sure(signs: float) -> list[float]:
        monkeypatch.setattr(Augmentation, "take_signs", lambda self: torch.tensor(signs))
        run = tmp_path / str(signs)
        settings = tiny(steps=24, log_every=4, augment="adaptive", augment_images=200)
        train("pix2pix", pairs, run, **settings | {"width": 2, "save_every": 24, "batch_size": 16})
        assert float(rows(run)[-1]["augmentation/overfitting"]) > 0
        return [float(row["augmentation/probability"]) for row in rows(run)]

    assert sure(0.5) == [0.0] * 6
    rising = sure(1.0)
    assert rising == sorted(rising) and rising[-1] > 0.1


def test_adaptive_augmentation_needs_the_scores_of_real_images(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Augmentation, "note", lambda *_: None)
    with pytest.raises(
        ValueError, match="Pix2Pix computes its loss of the disc.* without them; use"
    ):
        train("pix2pix", pairs, tmp_path / "run", **tiny(augment="adaptive"))
    train("pix2pix", pairs, tmp_path / "fixed", **tiny(augment="color", steps=1))


def test_a_skipped_step_leaves_the_strength_of_augmentation_as_it_was(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strength, "TARGET", -1.0)
    settings = tiny(steps=4, save_every=1, augment="adaptive", augment_images=100, keep=9)
    poison(monkeypatch, {1}, "generators/l1", float("nan"))
    train("pix2pix", pairs, tmp_path, **settings)
    found = []
    for step in range(1, 5):
        path = tmp_path / "checkpoints" / f"step-{step:08}.pt"
        found.append(torch.load(path, weights_only=True)["augmentation"]["probability"].item())
    assert found == pytest.approx([0.04, 0.04, 0.08, 0.12])


def test_runs_and_checkpoints_without_augmentation_are_continued(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of earlier versions know nothing of it."""
    train("pix2pix", pairs, tmp_path / "whole", **tiny(steps=4))
    train("pix2pix", pairs, tmp_path / "old", **tiny(steps=2))
    checkpoints = Checkpoints(tmp_path / "old", 1)
    found = checkpoints.load_newest(pytest.fail)
    assert found is not None
    step, state = found[0], found[1]
    del state["augmentation"], state["config"]["augment"], state["config"]["augment_images"]
    checkpoints.save(step, state)
    train("pix2pix", pairs, tmp_path / "old", **tiny(steps=4))
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "old"))


def test_a_player_without_weight_does_not_move(pairs: Path, tmp_path: Path) -> None:
    train("pix2pix", pairs, tmp_path, **tiny(steps=2, weights={"adversarial": 0.0}))
    state = torch.load(tmp_path / "checkpoints" / "step-00000002.pt", weights_only=True)
    assert not state["optimizers"]["discriminators"]["state"]
    assert state["optimizers"]["generators"]["state"]


def test_the_learning_rate_falls_linearly_to_zero_after_the_last_step(
    pairs: Path, tmp_path: Path
) -> None:
    settings = tiny(steps=6, decay_steps=4, learning_rate=0.004, log_every=1)
    train("pix2pix", pairs, tmp_path, **settings)
    rates = [float(row["learning_rate"]) for row in rows(tmp_path)]
    assert rates == pytest.approx([0.004, 0.004, 0.004, 0.003, 0.002, 0.001])


def test_epochs_count_the_images_of_the_larger_domain(folders: Path, tmp_path: Path) -> None:
    settings = {k: v for k, v in small("cyclegan", epochs=2).items() if k != "steps"}
    train("cyclegan", folders, tmp_path, **settings)
    assert rows(tmp_path)[-1]["step"] == "4"  # 7 images, 4 a step


def test_a_run_whose_rate_has_fallen_is_not_made_longer(pairs: Path, tmp_path: Path) -> None:
    settings = tiny(steps=2, decay_steps=1)
    train("pix2pix", pairs, tmp_path, **settings)
    with pytest.raises(ValueError, match="steps: 2 -> 4"):
        train("pix2pix", pairs, tmp_path, **(settings | {"steps": 4}))


def test_a_player_without_terms_stays_where_it_is(pairs: Path, tmp_path: Path) -> None:
    settings = tiny(steps=2, weights={"adversarial": 0.0})
    train("pix2pix", pairs, tmp_path, **settings)
    torch.manual_seed(seed_of(0, "initialisation"))
    start = Pix2Pix(build(Pix2Pix.Config, settings)).state_dict()
    end = weights(tmp_path)
    still = [key for key in end if torch.equal(start[key], end[key])]
    assert [key for key in end if key.startswith("discriminators")] == still


def test_weights_that_are_all_0_are_refused(pairs: Path, tmp_path: Path) -> None:
    settings = small("pix2pix", weights={"adversarial": 0.0, "l1": 0.0})
    with pytest.raises(ValueError, match="all weights are 0"):
        train("pix2pix", pairs, tmp_path / "run", **settings)
