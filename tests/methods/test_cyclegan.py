"""What the CycleGAN paper promises, beyond parity with its official code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from crossimage.config import build
from crossimage.losses import discriminator_loss
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig
from crossimage.recipes import list_recipes, resolve
from tests.conftest import small


def cyclegan(**changes: Any) -> CycleGAN:
    return CycleGAN(build(CycleGANConfig, small("cyclegan"), changes))


def batch(method: CycleGAN, count: int = 2, seed: int = 0) -> Batch:
    shapes = zip("ab", method.config.channels, strict=True)
    images = {d: torch.rand(count, c, *method.config.crop) * 2 - 1 for d, c in shapes}
    return Batch(images, Noise(seed, count, slice(0, count), "cpu"))


def moves(method: CycleGAN) -> list[Update]:
    return list(method.training_step(batch(method)))


def test_the_defaults_are_the_published_settings() -> None:
    config = CycleGANConfig()
    assert (config.width, config.residual_blocks, config.norm) == (64, 9, "instance")
    d = config.discriminator
    assert (d.width, d.layers, d.norm) == (64, 3, "instance")
    w = config.weights
    assert (config.adversarial, w.adversarial, w.cycle, w.identity) == ("lsgan", 1, 10, 5)
    assert (config.history, config.dropout, config.noise_dim) == (50, 0, 0)
    assert (config.learning_rate, config.betas) == (2e-4, (0.5, 0.999))
    assert (config.epochs, config.decay_epochs, config.batch_size) == (200, 100, 1)
    assert (config.resize, config.crop) == (286, (256, 256))


def test_every_recipe_is_a_configuration() -> None:
    names = [name for name, _ in list_recipes() if name.startswith("cyclegan/")]
    configs = {name.split("/")[1]: build(CycleGANConfig, resolve(name)[1]) for name in names}
    assert [n for n, c in configs.items() if c.dropout and c.test_mode == "train"] == [
        "edges2shoes_dropout"
    ]
    assert [n for n, c in configs.items() if c.noise_dim] == ["edges2shoes_noise"]
    assert configs["monet2photo"].weights.identity == 5
    assert configs["horse2zebra"].weights.identity == 0
    assert (configs["cityscapes"].resize, configs["cityscapes"].residual_blocks) == (143, 6)


def test_generators_move_first() -> None:
    assert [move.player for move in moves(cyclegan())] == ["generators", "discriminators"]


@pytest.mark.parametrize("kind", ["lsgan", "nsgan"])
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_every_adversarial_objective_and_norm_trains(kind: str, norm: str) -> None:
    method = cyclegan(adversarial=kind, norm=norm, discriminator={"norm": norm})
    for move in method.training_step(batch(method)):
        sum(move.losses.values()).backward(inputs=list(method.players()[move.player].parameters()))
    for player in method.players().values():
        assert all(p.grad is not None and p.grad.isfinite().all() for p in player.parameters())


def test_the_losses_are_those_of_the_paper() -> None:
    method, l1 = cyclegan(history=0), torch.nn.functional.l1_loss
    given = batch(method)
    x_a, x_b = given.images["a"], given.images["b"]
    x_ab, x_ba = method.translate(x_a, "b"), method.translate(x_b, "a")
    (on_ab,), (on_ba,) = method.discriminate(x_ab, "b"), method.discriminate(x_ba, "a")
    (on_a,), (on_b,) = method.discriminate(x_a, "a"), method.discriminate(x_b, "b")
    generators, discriminators = method.training_step(given)
    expected = {
        "adversarial": (on_ab - 1).square().mean() + (on_ba - 1).square().mean(),
        "cycle": l1(method.translate(x_ab, "a"), x_a) + l1(method.translate(x_ba, "b"), x_b),
        "identity": l1(method.translate(x_a, "a"), x_a) + l1(method.translate(x_b, "b"), x_b),
    }
    assert generators.losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(generators.losses[name], value)
    halved = (
        ((on_a - 1).square() + on_ba.square()).mean()
        + ((on_b - 1).square() + on_ab.square()).mean()
    ) / 2
    torch.testing.assert_close(discriminators.losses["adversarial"], halved)


@pytest.mark.parametrize("name", ["cycle", "identity"])
def test_what_has_no_weight_is_not_run(name: str) -> None:
    method = cyclegan(weights={name: 0})
    passes = []
    method.generators["ab"].register_forward_hook(lambda *_: passes.append(1))
    generators, _ = moves(method)
    assert generators.losses.keys() == {"adversarial", "cycle", "identity"} - {name}
    assert len(passes) == 2


def test_discriminators_score_older_translations_once_the_history_is_full() -> None:
    method = cyclegan(history=4)
    shown: dict[str, Tensor] = {}
    older = []

    def watch(domain: str) -> None:
        def note(_: object, given: tuple[Tensor, Tensor], seen: Tensor) -> None:
            older.append(not torch.equal(given[0], seen))
            shown[domain] = seen

        method.history[domain].register_forward_hook(note)

    watch("a")
    watch("b")
    for step in range(8):
        given = batch(method, seed=step)
        *_, discriminators = method.training_step(given)
        expected = sum(
            discriminator_loss(method.discriminate(x, d), method.discriminate(shown[d], d), "lsgan")
            for d, x in given.images.items()
        )
        torch.testing.assert_close(discriminators.losses["adversarial"], expected / 2)
    assert not any(older[:4])
    assert any(older[4:])


def test_the_history_is_remembered_but_no_part_of_a_model() -> None:
    method = cyclegan()
    moves(method)
    memory = method.memory()
    assert memory.keys() == {f"history.{d}.{part}" for d in "ab" for part in ("images", "count")}
    assert memory.keys() <= method.state_dict().keys()
    assert memory.keys().isdisjoint(method.tensors())
    other = cyclegan()
    other.load_state_dict(memory, strict=False)
    assert torch.equal(other.history["a"].images, method.history["a"].images)
    assert cyclegan(history=0).memory() == {}
    assert CycleGAN(method.config, training=False).memory() == {}


def test_domains_may_differ_in_channels_and_crops_be_rectangular() -> None:
    method = cyclegan(channels="1,4", crop="16,24", weights={"identity": 0})
    x = batch(method).images["a"]
    assert method.translate(x, "b").shape == (2, 4, 16, 24)
    assert len(moves(method)) == 2


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_dropout_goes_on_at_test_where_the_config_says_so(mode: str) -> None:
    method = cyclegan(dropout=0.5, test_mode=mode).eval()
    x = batch(method).images["a"]
    assert method.stochastic is (mode == "train")
    assert torch.equal(method.translate(x, "b"), method.translate(x, "b")) is not method.stochastic


def test_no_dropout_gives_one_output() -> None:
    method = cyclegan(test_mode="train").eval()
    x = batch(method).images["a"]
    assert not method.stochastic
    assert torch.equal(method.translate(x, "b"), method.translate(x, "b"))


def test_translations_of_cyclegan_star_depend_on_the_noise() -> None:
    method = cyclegan(noise_dim=3)
    assert method.style_dim == 3
    x, noise = batch(method).images["a"], torch.randn(6, 3)
    together = method.translate(x, "b", noise)
    assert together.shape == (6, 3, 16, 16)
    torch.testing.assert_close(together[4:5], method.translate(x[1:], "b", noise[4:5]))
    assert (together[0] - together[1]).abs().mean() > 1e-4
    assert len(moves(method)) == 2
    with pytest.raises(ValueError, match="takes no style from images"):
        method.encode_style(x, "a")


@pytest.mark.parametrize(
    ("changes", "titles"),
    [
        ({}, ["input", "translation", "cycle", "identity"]),
        ({"weights": {"identity": 0}}, ["input", "translation", "cycle"]),
        (
            {"noise_dim": 2},
            ["input", "translation 1", "translation 2", "translation 3", "cycle", "identity"],
        ),
        (
            {"dropout": 0.5, "test_mode": "train"},
            ["input", "translation 1", "translation 2", "translation 3", "cycle", "identity"],
        ),
    ],
)
def test_a_sheet_shows_what_the_method_does(changes: dict[str, Any], titles: list[str]) -> None:
    method = cyclegan(domains="horse,zebra", **changes).eval()
    given = batch(method)
    panels = method.preview(given, given.noise)
    assert [panel.title for panel in panels] == ["horse to zebra", "zebra to horse"]
    for panel in panels:
        assert [title for title, _ in panel.columns] == titles
        assert all(pictures.shape == (2, 3, 16, 16) for _, pictures in panel.columns)


@pytest.mark.parametrize(("layers", "smallest"), [(0, 8), (1, 8), (2, 12), (3, 24)])
def test_the_smallest_crop_is_large_enough(layers: int, smallest: int) -> None:
    method = cyclegan(crop=smallest, discriminator={"layers": layers})
    for move in moves(method):
        assert all(loss.isfinite() for loss in move.losses.values())
    (scores,) = method.discriminate(batch(method).images["a"], "a")
    assert scores.std() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 18}, "crop must be a multiple of 4"),
        (
            {"crop": 20, "discriminator": {"layers": 3}},
            "too small.*at least 24 pixels; use a larger crop or a lower discriminator.layers$",
        ),
        (
            {"crop": 4, "discriminator": {"layers": 0}},
            "too small.*need at least 8 pixels; use a larger crop$",
        ),
        ({"channels": "3"}, "two numbers, one per domain"),
        ({"channels": "3,1"}, "the same number of channels.*set weights.identity=0"),
        ({"dropout": 1}, "dropout: .* less than 1"),
        ({"adversarial": "wgan-gp"}, "adversarial: "),
        ({"weights": {"cylce": 1}}, "did you mean 'weights.cycle'"),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cyclegan(**changes)


@pytest.mark.parametrize("upsampling", ["transposed", "nearest", "bilinear"])
def test_antialiased_networks_train_and_keep_the_size(upsampling: str) -> None:
    method = cyclegan(antialias=True, upsampling=upsampling)
    for move in method.training_step(batch(method)):
        sum(move.losses.values()).backward(inputs=list(method.players()[move.player].parameters()))
    for player in method.players().values():
        assert all(p.grad is not None and p.grad.isfinite().all() for p in player.parameters())
    x = torch.rand(1, 3, 20, 28) * 2 - 1
    assert method.translate(x, "b").shape == x.shape
