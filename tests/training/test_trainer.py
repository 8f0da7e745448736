"""What the training loop does with a method's moves."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import build
from crossimage.methods.base import Batch, Update
from crossimage.methods.munit import MUNIT
from crossimage.training.run import train
from crossimage.utils.seeds import seed_of
from tests.conftest import small


def weights(run: Path) -> dict[str, Tensor]:
    found = Checkpoints(run, 1).load_newest(pytest.fail)
    assert found is not None
    return found[1]["method"]


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("log_every", [2, 6])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_divergence_names_the_term_the_step_and_the_last_good_checkpoint(
    log_every: int,
    number: float,
    folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, steps = MUNIT.training_step, iter(range(1, 100))

    def poisoned(self: MUNIT, batch: Batch) -> Iterator[Update]:
        step = next(steps)
        for update in real(self, batch):
            if step == 3 and update.player == "generators":
                update.losses["style"] = update.losses["style"] * number
            yield update

    monkeypatch.setattr(MUNIT, "training_step", poisoned)
    with pytest.raises(ValueError, match="generators/style .* at step 3;") as caught:
        train("munit", folders, tmp_path, **small(log_every=log_every))
    assert str(tmp_path / "checkpoints" / "step-00000002.pt") in str(caught.value)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002.pt"]
    for state in (weights(tmp_path), load_file(tmp_path / "model.safetensors")):
        assert all(value.isfinite().all() for value in state.values())


def test_divergence_of_a_weight_alone_is_noticed(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, moves = torch.optim.Adam.step, iter((0, 1))

    def overflow(self: torch.optim.Adam, closure: Any = None) -> None:
        real(self, closure)
        if next(moves) == 0:
            return  # the discriminators' weights would spoil the generators' losses too
        with torch.no_grad():
            self.param_groups[0]["params"][0].fill_(float("inf"))

    monkeypatch.setattr(torch.optim.Adam, "step", overflow)
    with pytest.raises(ValueError, match="a weight is not finite at step 1; there is no check"):
        train("munit", folders, tmp_path, **small(steps=1, log_every=5))
    assert not (tmp_path / "checkpoints").exists()


def test_the_model_file_holds_the_running_average(folders: Path, tmp_path: Path) -> None:
    settings = small(steps=1, ema_decay=0.75)
    train("munit", folders, tmp_path, **settings)
    torch.manual_seed(seed_of(0, "initialisation"))
    start = MUNIT(build(MUNIT.Config, settings)).state_dict()
    end = weights(tmp_path)
    model = load_file(tmp_path / "model.safetensors")
    assert any(not torch.equal(model[key], end[key]) for key in model)
    for key, value in model.items():
        # a young average holds at most n / (n + 9) of what was before step n
        torch.testing.assert_close(value, 0.1 * start[key] + 0.9 * end[key])


def test_without_average_the_model_file_holds_the_weights(folders: Path, tmp_path: Path) -> None:
    train("munit", folders, tmp_path, **small(steps=1))
    model, end = load_file(tmp_path / "model.safetensors"), weights(tmp_path)
    assert all(torch.equal(model[key], end[key]) for key in model)


def test_a_term_of_weight_zero_is_logged_and_moves_nothing(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = small(steps=2, log_every=1, weights={"style": 0.0})
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
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small(steps=1, weights={"image": 0.5})
    train("munit", folders, tmp_path / "weighted", **settings)
    real = MUNIT.training_step

    def halved(self: MUNIT, batch: Batch) -> Iterator[Update]:
        for update in real(self, batch):
            if "image" in update.losses:
                update.losses["image"] = update.losses["image"] / 2
            yield update

    monkeypatch.setattr(MUNIT, "training_step", halved)
    train("munit", folders, tmp_path / "halved", **(settings | {"weights": {"image": 1.0}}))
    assert same(weights(tmp_path / "weighted"), weights(tmp_path / "halved"))


def test_the_learning_rate_decays_and_is_recorded(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    real = torch.optim.Adam.step

    def watched(self: torch.optim.Adam, closure: Any = None) -> None:
        used.append(self.param_groups[0]["lr"])
        real(self, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    settings = small(steps=5, log_every=1, save_every=5, decay_every=2, decay_factor=0.1)
    train("munit", folders, tmp_path, **settings)
    expected = [1e-3, 1e-3, 1e-4, 1e-4, 1e-5]
    assert used[::2] == used[1::2] == pytest.approx(expected)  # two players
    assert [float(row["learning_rate"]) for row in rows(tmp_path)] == pytest.approx(expected)


def test_bf16_trains_on_the_cpu_and_keeps_fp32_weights(folders: Path, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        settings = small(steps=2, precision=precision)
        train("munit", folders, tmp_path / precision, **settings)
    half = weights(tmp_path / "bf16")
    assert {value.dtype for value in half.values()} == {torch.float32}
    model = load_file(tmp_path / "bf16" / "model.safetensors")
    assert {value.dtype for value in model.values()} == {torch.float32}
    assert not same(half, weights(tmp_path / "fp32")), "bf16 was not used"
    losses = [float(rows(tmp_path / p)[0]["generators/image"]) for p in ("fp32", "bf16")]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_another_seed_is_another_run(folders: Path, tmp_path: Path) -> None:
    for name, seed in (("zero", 0), ("again", 0), ("one", 1)):
        train("munit", folders, tmp_path / name, **small(steps=2, seed=seed))
    assert same(weights(tmp_path / "zero"), weights(tmp_path / "again"))
    assert not same(weights(tmp_path / "zero"), weights(tmp_path / "one"))


def test_moments_in_another_order_of_the_memory_go_on_alike(folders: Path, tmp_path: Path) -> None:
    for run in ("whole", "cut"):
        train("munit", folders, tmp_path / run, **small(steps=2))
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
        train("munit", folders, tmp_path / run, **small(steps=4))
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_several_moves_of_a_player_are_logged_as_their_mean(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MUNIT.training_step

    def twice(self: MUNIT, batch: Batch) -> Iterator[Update]:
        yield from real(self, batch)
        yield Update("discriminators", {"adversarial": next(self.parameters()).sum() * 0 + 9.0})

    train("munit", folders, tmp_path / "once", **small(steps=1, log_every=1))
    monkeypatch.setattr(MUNIT, "training_step", twice)
    train("munit", folders, tmp_path / "twice", **small(steps=1, log_every=1))
    key = "discriminators/adversarial"
    once, mean = (float(rows(tmp_path / run)[0][key]) for run in ("once", "twice"))
    assert mean == pytest.approx((once + 9.0) / 2, rel=1e-4)


def test_a_player_without_weight_does_not_move(folders: Path, tmp_path: Path) -> None:
    train("munit", folders, tmp_path, **small(steps=2, weights={"adversarial": 0.0}))
    state = torch.load(tmp_path / "checkpoints" / "step-00000002.pt", weights_only=True)
    assert not state["optimizers"]["discriminators"]["state"]
    assert state["optimizers"]["generators"]["state"]


def test_the_learning_rate_falls_linearly_to_zero_after_the_last_step(
    folders: Path, tmp_path: Path
) -> None:
    settings = small(steps=6, decay_steps=4, learning_rate=0.004, log_every=1)
    train("munit", folders, tmp_path, **settings)
    rates = [float(row["learning_rate"]) for row in rows(tmp_path)]
    assert rates == pytest.approx([0.004, 0.004, 0.004, 0.003, 0.002, 0.001])


def test_epochs_count_the_images_of_the_larger_domain(folders: Path, tmp_path: Path) -> None:
    settings = {k: v for k, v in small(epochs=2).items() if k != "steps"}
    train("munit", folders, tmp_path, **settings)
    assert rows(tmp_path)[-1]["step"] == "4"  # 7 images, 4 a step


def test_a_run_whose_rate_has_fallen_is_not_made_longer(folders: Path, tmp_path: Path) -> None:
    settings = small(steps=2, decay_steps=1)
    train("munit", folders, tmp_path, **settings)
    with pytest.raises(ValueError, match="steps: 2 -> 4"):
        train("munit", folders, tmp_path, **(settings | {"steps": 4}))


def test_a_player_without_terms_stays_where_it_is(folders: Path, tmp_path: Path) -> None:
    settings = small(steps=2, weights={"adversarial": 0.0})
    train("munit", folders, tmp_path, **settings)
    torch.manual_seed(seed_of(0, "initialisation"))
    start = MUNIT(build(MUNIT.Config, settings)).state_dict()
    end = weights(tmp_path)
    still = [key for key in end if torch.equal(start[key], end[key])]
    assert [key for key in end if key.startswith("discriminators")] == still


def test_weights_that_are_all_0_are_refused(pairs: Path, tmp_path: Path) -> None:
    settings = small("pix2pix", weights={"adversarial": 0.0, "l1": 0.0})
    with pytest.raises(ValueError, match="all weights are 0"):
        train("pix2pix", pairs, tmp_path / "run", **settings)
