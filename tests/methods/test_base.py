"""What a method may ask of the game: several players in a move, optimizers of its own, noise."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import crossimage
from crossimage import train
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import Config, NonNegativeFloat, build, settings
from crossimage.methods import METHODS
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.methods.munit import MUNIT
from crossimage.methods.optimizers import Adam, Optimizer, RMSprop
from crossimage.networks.layers.containers import NetworkDict
from crossimage.training.step.stepper import Stepper
from crossimage.utils.contact_sheet import Panel
from tests.conftest import RUN, small


@settings
class Weights:
    adversarial: NonNegativeFloat = 1.0
    match: NonNegativeFloat = 1.0


@settings
class ToyConfig(Config):
    head_rate: NonNegativeFloat = 1e-2
    weights: Weights = field(default_factory=Weights)


class Toy(Method):
    """A generator from a to b whose features are compared by a head that moves with it."""

    Config = ToyConfig
    config: ToyConfig
    player_order = ("discriminators", "generators", "heads")
    targets = ("b",)

    def __init__(self, config: ToyConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.generators = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Tanh(), nn.Conv2d(4, 3, 1))
        if training:
            self.discriminators = NetworkDict({"b": nn.Conv2d(3, 1, 1)})
            self.heads = nn.Conv2d(3, 2, 1)

    def optimizers(self) -> dict[str, Optimizer]:
        return super().optimizers() | {"heads": RMSprop(self.config.head_rate, alpha=0.9)}

    def training_step(self, batch: Batch) -> Iterator[Update]:
        x_a, x_b = batch.images["a"], batch.images["b"]
        x_ab, D = self.generators(x_a), self.discriminators["b"]
        yield Update("discriminators", {"adversarial": (D(x_ab.detach()) - D(x_b)).mean()})
        place = batch.noise.shared(16).argmax()  # the same pixel of all images of the step
        difference = (self.heads(x_ab) - self.heads(x_a)).flatten(2)[..., place]
        match = (difference * batch.noise.uniform(2)).square().mean()
        losses = {"adversarial": -D(x_ab).mean(), "match": match}
        yield Update(("generators", "heads"), losses)

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        return self.generators(x).clamp(-1, 1)

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        return [super().discriminate(x, domain)]

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        x = fixed.images["a"]
        return [self.panel("a", "b", [("input", x), ("translation", self.translate(x, "b"))])]


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "toy", Toy)


def run(data: Path, out: Path, **changes: Any) -> dict[str, Any]:
    """Train the toy; returns its newest checkpoint."""
    train("toy", str(data), out, **(RUN | {"log_every": 1} | changes))
    newest = Checkpoints(out, 1).load_newest(pytest.fail)
    assert newest is not None
    return newest[1]


def rows(out: Path) -> list[dict[str, str]]:
    with open(out / "metrics.csv") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_players_of_one_update_move_together_each_by_its_own_optimizer(
    folders: Path, tmp_path: Path
) -> None:
    """One step, beside the same step made by hand with PyTorch's optimizers."""
    seen: list[Batch] = []
    real = Toy.training_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Toy, "training_step", lambda self, b: seen.append(b) or real(self, b))
        start = run(folders, tmp_path, steps=1, learning_rate=0.0, head_rate=0.0)["method"]
        end = run(folders, tmp_path / "moved", steps=1, weight_decay=0.1)["method"]
    method = Toy(build(ToyConfig, RUN))
    method.load_state_dict(start)
    update = list(method.training_step(Batch(seen[1].images, Noise(0, 4, slice(0, 4), "cpu"))))[0]
    update.losses["adversarial"].backward()
    adam = torch.optim.Adam(
        method.discriminators.parameters(), 1e-3, (0.5, 0.999), weight_decay=0.1
    )
    adam.step()
    for key, value in method.tensors("discriminators").items():
        torch.testing.assert_close(end[key], value)
    moved = {key.split(".")[0] for key in end if not torch.equal(end[key], start[key])}
    assert moved == {"discriminators", "generators", "heads"}
    # RMSprop's first step has the same size for all gradients: rate / sqrt(1 - alpha)
    change = (end["heads.weight"] - start["heads.weight"]).abs()
    torch.testing.assert_close(change, torch.full_like(change, 1e-2 / 0.1**0.5), rtol=1e-3, atol=0)


def test_terms_of_an_update_are_logged_under_its_first_player(
    folders: Path, tmp_path: Path
) -> None:
    run(folders, tmp_path, steps=1)
    terms = [key for key in rows(tmp_path)[0] if "/" in key]
    assert terms == ["discriminators/adversarial", "generators/adversarial", "generators/match"]


def test_the_decay_of_the_learning_rate_is_one_factor_for_all_players(
    folders: Path, tmp_path: Path
) -> None:
    state = run(folders, tmp_path, steps=3, decay_every=1, decay_factor=0.5)
    rates = {name: o["param_groups"][0]["lr"] for name, o in state["optimizers"].items()}
    assert rates == pytest.approx({"discriminators": 2.5e-4, "generators": 2.5e-4, "heads": 2.5e-3})
    assert [float(row["learning_rate"]) for row in rows(tmp_path)] == [1e-3, 5e-4, 2.5e-4]


def test_a_checkpoint_has_an_optimizer_state_for_every_player(
    folders: Path, tmp_path: Path
) -> None:
    optimizers = run(folders, tmp_path, steps=1)["optimizers"]
    kept = {name: set(state["state"][0]) for name, state in optimizers.items()}
    adam = {"step", "exp_avg", "exp_avg_sq"}
    assert kept == {"discriminators": adam, "generators": adam, "heads": {"step", "square_avg"}}


def test_a_continued_run_is_the_uninterrupted_one(folders: Path, tmp_path: Path) -> None:
    whole = run(folders, tmp_path / "whole", steps=6)
    run(folders, tmp_path / "cut", steps=3)
    cut = run(folders, tmp_path / "cut", steps=6)
    assert all(torch.equal(whole["method"][key], cut["method"][key]) for key in whole["method"])
    for name, state in whole["optimizers"].items():
        for index, moments in state["state"].items():
            for key, value in moments.items():
                assert torch.equal(value, cut["optimizers"][name]["state"][index][key])
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")


def test_two_micro_batches_are_one_batch(folders: Path, tmp_path: Path) -> None:
    one, two = (run(folders, tmp_path / str(n), steps=1, accumulate=n)["method"] for n in (1, 2))
    for key in one:
        torch.testing.assert_close(one[key], two[key])


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_model_file_holds_the_players_that_translate_alone(
    ema_decay: float, folders: Path, tmp_path: Path
) -> None:
    run(folders, tmp_path, steps=1, ema_decay=ema_decay)
    assert {key.split(".")[0] for key in load_file(tmp_path / "model.safetensors")} == {
        "generators"
    }
    model = crossimage.load(tmp_path, device="cpu")
    assert model.networks.players().keys() == {"generators"}
    assert model.translate(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)


def test_discriminators_are_loaded_when_asked_for(folders: Path, tmp_path: Path) -> None:
    run(folders, tmp_path, steps=1)
    x = torch.zeros(2, 3, 16, 16)
    with pytest.raises(ValueError, match="loaded without its discriminators; use load"):
        crossimage.load(tmp_path, device="cpu").discriminate(x, "b")
    model = crossimage.load(tmp_path, device="cpu", discriminators=True)
    assert model.networks.players().keys() == {"generators", "discriminators", "heads"}
    assert model.discriminate(x, "b")[0].shape == (2, 1, 16, 16)
    with pytest.raises(ValueError, match="Toy has no discriminator of a"):
        model.discriminate(x, "a")


def test_a_method_without_discriminators_says_so(folders: Path, tmp_path: Path) -> None:
    run(folders, tmp_path, steps=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Toy, "player_order", ("generators", "heads"))
        with pytest.raises(ValueError, match="Toy has no discriminators"):
            crossimage.load(tmp_path, device="cpu").discriminate(torch.zeros(1, 3, 16, 16), "b")


def test_players_of_one_update_share_a_loss_scale(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In fp16 the scale may change after a move, but not between its players."""
    calls: list[str] = []

    class Scaler:
        def step(self, optimizer: torch.optim.Optimizer) -> None:
            calls.append(type(optimizer).__name__)
            optimizer.step()

        def update(self) -> None:
            calls.append("update")

        def state_dict(self) -> dict[str, Any]:
            return {}

    monkeypatch.setattr(Stepper, "_scaler", Scaler())
    scaled = run(folders, tmp_path / "scaled", steps=1)["method"]
    assert calls == ["PlainAdam", "update", "PlainAdam", "PlainRMSprop", "update"]
    monkeypatch.undo()
    monkeypatch.setitem(METHODS, "toy", Toy)
    plain = run(folders, tmp_path / "plain", steps=1)["method"]
    assert all(torch.equal(plain[key], scaled[key]) for key in plain)


def test_an_update_names_one_player_or_several() -> None:
    one, several = Update("generators", {}), Update(("generators", "heads"), {})
    assert one.players == ("generators",) and one.player == "generators"
    assert several.players == ("generators", "heads") and several.player == "generators"


def test_by_default_all_players_have_the_optimizer_of_the_config() -> None:
    method = MUNIT(build(MUNIT.Config, small()))
    adam = Adam(1e-3, (0.5, 0.999), 1e-4)
    assert method.optimizers() == {"discriminators": adam, "generators": adam}


def noises(parts: int) -> list[Noise]:
    size = 8 // parts
    return [Noise(5, 8, slice(i * size, (i + 1) * size), "cpu") for i in range(parts)]


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_noise_of_all_parts_is_that_of_the_whole_step(parts: int) -> None:
    (whole,) = noises(1)
    for draw in (lambda n: n(3, 2), lambda n: n.uniform(3, 2), lambda n: n(1)):
        own = [draw(noise) for noise in noises(parts)]
        assert torch.equal(torch.cat(own), draw(Noise(5, 8, slice(0, 8), "cpu")))
    assert not torch.equal(whole(3), whole(3)), "every call draws anew"


def test_shared_noise_is_the_same_for_all_samples() -> None:
    first, *others = (noise.shared(4, 3) for noise in noises(4))
    assert first.shape == (4, 3)
    assert all(torch.equal(first, other) for other in others)
    noise = noises(2)[1]
    before, own, after = noise.shared(6), noise(6), noise.shared(6)
    assert own.shape == (4, 6) and not torch.equal(before, after)


def test_uniform_noise_is_uniform_between_0_and_1() -> None:
    draws = Noise(0, 10_000, slice(0, 10_000), "cpu").uniform(2)
    assert draws.shape == (10_000, 2) and draws.min() >= 0 and draws.max() <= 1
    share = torch.histc(draws, 10, 0, 1) / draws.numel()
    torch.testing.assert_close(share, torch.full((10,), 0.1), rtol=0, atol=0.01)


def test_each_of_two_domains_has_an_other() -> None:
    method = MUNIT(build(MUNIT.Config, small()))
    assert (method.other("a"), method.other("b")) == ("b", "a")
    assert method.channels == {"a": 3, "b": 3}


def test_images_are_repeated_for_their_styles() -> None:
    x = torch.arange(2.0)[:, None]
    assert repeat_per_style(x, torch.zeros(6, 4)).flatten().tolist() == [0, 0, 0, 1, 1, 1]


class Scheduled(Toy):
    """The toy, whose term ``match`` loses its weight after two steps."""

    def loss_weights(self, step: int) -> Weights:
        return replace(self.config.weights, match=1.0 if step < 2 else 0.0)


def test_a_weight_can_follow_the_step(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "toy", Scheduled)
    settings = {"save_every": 1, "learning_rate": 0.0, "keep": 9, "weights": {"adversarial": 0.0}}
    run(folders, tmp_path, steps=4, **settings)
    heads = [
        torch.load(tmp_path / "checkpoints" / f"step-{step:08}.pt", weights_only=True)["method"][
            "heads.weight"
        ]
        for step in (1, 2, 3, 4)
    ]
    assert not torch.equal(heads[0], heads[1])
    assert torch.equal(heads[1], heads[2]) and torch.equal(heads[2], heads[3])
    assert all(float(row["generators/match"]) > 0 for row in rows(tmp_path))


@settings
class GuidedConfig(ToyConfig):
    guide: Path | None = None


class Guided(Toy):
    """The toy, which translates with a fixed network, read from a file."""

    Config = GuidedConfig
    config: GuidedConfig
    inference_fixed = ("guide", "absent")

    def __init__(self, config: GuidedConfig, *, training: bool = True) -> None:
        super().__init__(config, training=training)
        self.guide = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout())

    def build_fixed_networks(self) -> None:
        if "guide" in self.loaded:
            return
        if self.config.guide is None:
            raise ValueError("the guide is missing; set guide=FILE")
        self.guide.load_state_dict(torch.load(self.config.guide, weights_only=True))

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        return (self.generators(x) + self.guide(x)).clamp(-1, 1)

    def training_step(self, batch: Batch) -> Iterator[Update]:
        for update in super().training_step(batch):
            update.losses["adversarial"] += self.guide(batch.images["a"]).mean()
            yield update


def test_a_fixed_network_is_kept_in_the_model_and_moved_by_nobody(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "toy", Guided)
    with pytest.raises(ValueError, match="set guide=FILE"):
        run(folders, tmp_path / "none", steps=1)
    given, file = Guided(build(GuidedConfig, RUN)).guide.state_dict(), tmp_path / "guide.pt"
    torch.save(given, file)
    state = run(folders, tmp_path / "run", steps=3, save_every=1, ema_decay=0.9, guide=file)
    assert state["optimizers"].keys() == {"discriminators", "generators", "heads"}
    model = load_file(tmp_path / "run" / "model.safetensors")
    for saved in (model, state["method"], state["average"]):
        for key, value in given.items():
            assert torch.equal(saved[f"guide.{key}"], value), key

    file.unlink()  # neither a continued run nor one that starts from the model needs the file
    settings = {"ema_decay": 0.9, "guide": file}
    (tmp_path / "run" / "checkpoints" / "step-00000003.pt").unlink()
    again = run(folders, tmp_path / "run", steps=3, save_every=1, **settings)
    assert all(torch.equal(again["method"][key], state["method"][key]) for key in again["method"])
    train("toy", folders, tmp_path / "new", init_from=tmp_path / "run", **(RUN | {"steps": 1}))
    new = load_file(tmp_path / "new" / "model.safetensors")
    assert all(torch.equal(new[f"guide.{key}"], value) for key, value in given.items())
    model_x = crossimage.load(tmp_path / "new", device="cpu")
    x = torch.zeros(1, 3, 8, 8)
    torch.testing.assert_close(model_x.translate(x), model_x.networks.translate(x, "b"))


def test_maps_are_repeated_for_each_style_and_keep_their_memory_layout_for_one() -> None:
    x = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    assert torch.equal(repeat_per_style(x, torch.zeros(4, 8)), x[[0, 0, 1, 1]])
    alone = repeat_per_style(x, torch.zeros(2, 8))
    assert torch.equal(alone, x) and alone.stride() == x.stride()
