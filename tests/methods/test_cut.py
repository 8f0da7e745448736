"""What the CUT paper promises, beyond parity with its official code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from crossimage.checkpoints.load import change_settings
from crossimage.config import build
from crossimage.losses import patch_nce
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.cut import CUT, CUTConfig
from crossimage.recipes import list_recipes, resolve
from tests.conftest import small

FASTCUT = {"flip_equivariance": True, "weights": {"nce": 10, "nce_identity": 0}}


def cut(**changes: Any) -> CUT:
    return CUT(build(CUTConfig, small("cut"), changes))


def batch(method: CUT, count: int = 2, seed: int = 0) -> Batch:
    shape = count, method.config.channels[0], *method.config.crop
    images = {domain: torch.rand(shape) * 2 - 1 for domain in "ab"}
    return Batch(images, Noise(seed, count, slice(0, count), "cpu"))


def moves(method: CUT, given: Batch | None = None) -> list[Update]:
    return list(method.training_step(given or batch(method)))


def test_the_defaults_are_the_published_settings() -> None:
    config = CUTConfig()
    assert (config.width, config.residual_blocks, config.norm) == (64, 9, "instance")
    assert (config.antialias, config.upsampling) == (True, "bilinear")
    d = config.discriminator
    assert (d.width, d.layers, d.norm) == (64, 3, "instance")
    assert config.nce_layers == (0, 4, 8, 12, 16)
    assert (config.patches, config.head_width, config.temperature) == (256, 256, 0.07)
    w = config.weights
    assert (config.adversarial, w.adversarial, w.nce, w.nce_identity) == ("lsgan", 1, 0.5, 0.5)
    assert (config.learning_rate, config.betas) == (2e-4, (0.5, 0.999))
    assert (config.epochs, config.decay_epochs, config.batch_size) == (400, 200, 1)
    assert (config.resize, config.crop, config.ema_decay) == (286, (256, 256), 0)


def test_every_recipe_is_a_configuration() -> None:
    names = [name for name, _ in list_recipes() if name.startswith("cut/")]
    configs = {name.split("/")[1]: build(CUTConfig, resolve(name)[1]) for name in names}
    fast = configs["horse2zebra_fastcut"]
    assert [name for name, c in configs.items() if c.flip_equivariance] == ["horse2zebra_fastcut"]
    assert (fast.weights.nce, fast.weights.nce_identity) == (10, 0)
    assert (fast.epochs, fast.decay_epochs) == (200, 50)


def test_the_heads_are_there_before_the_first_batch_and_learn_by_an_optimizer_of_their_own() -> (
    None
):
    method = cut()
    assert {name.split(".")[0] for name in method.tensors("heads")} == {"heads"}
    assert len(method.heads.heads) == len(method.config.nce_layers)
    assert method.optimizers().keys() == {"discriminators", "generators", "heads"}
    assert method.inference_players == ("generators",)


def test_the_discriminator_moves_first_then_generator_and_heads_together() -> None:
    assert [move.players for move in moves(cut())] == [("discriminators",), ("generators", "heads")]


@pytest.mark.parametrize("changes", [{}, FASTCUT, {"antialias": False, "upsampling": "transposed"}])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("kind", ["lsgan", "nsgan"])
def test_every_variant_trains_all_players(changes: dict, norm: str, kind: str) -> None:
    method = cut(norm=norm, discriminator={"norm": norm}, adversarial=kind, **changes)
    for move in method.training_step(batch(method)):
        moving = [p for player in move.players for p in method.players()[player].parameters()]
        sum(move.losses.values()).backward(inputs=moving)
    for player in method.players().values():
        assert all(p.grad is not None and p.grad.isfinite().all() for p in player.parameters())


@pytest.mark.parametrize("name", ["nce", "nce_identity"])
def test_what_has_no_weight_is_not_run(name: str) -> None:
    method = cut(weights={name: 0})
    passes = []
    method.generators.register_forward_hook(lambda *_: passes.append(1))
    _, generator = moves(method)
    assert name not in generator.losses
    assert len(passes) == 3  # one for the translations, two for query and key


def test_a_translation_contrasts_less_with_its_own_input_than_with_another() -> None:
    """The loss is small where the same position of the input is the most similar one."""
    key = torch.nn.functional.normalize(torch.randn(3, 8, 16), dim=2)
    assert patch_nce(key, key, 0.07) < 0.01 < 1 < patch_nce(key.roll(1, dims=1), key, 0.07)


def seed_with_coin(mirrored: bool) -> int:
    return next(
        s for s in range(99) if bool(Noise(s, 2, slice(0, 2), "cpu").shared(1) < 0) is mirrored
    )


@pytest.mark.parametrize("identity", [0, 1])
@pytest.mark.parametrize("mirrored", [False, True])
@torch.no_grad()
def test_fastcut_mirrors_inputs_and_contrasts_with_what_is_not_mirrored(
    mirrored: bool, identity: float
) -> None:
    method = cut(flip_equivariance=True, weights={"nce": 10, "nce_identity": identity})
    given = batch(method, seed=seed_with_coin(mirrored))
    discriminator, generator = moves(method, given)

    noise = Noise(seed_with_coin(mirrored), 2, slice(0, 2), "cpu")
    noise.shared(1)
    x_a, x_b = given.images["a"], given.images["b"]

    def flip(x: Tensor) -> Tensor:
        return x.flip(3) if mirrored else x

    def contrast(x: Tensor) -> Tensor:
        layers = method.config.nce_layers
        keys = method.generators(x, layers)
        queries = [flip(y) for y in method.generators(method.translate(flip(x), "b"), layers)]
        at = [noise.shared(k.shape[2] * k.shape[3]).argsort()[:9] for k in keys]
        pairs = zip(method.heads(queries, at), method.heads(keys, at), strict=True)
        return torch.stack([patch_nce(q, k, 0.07) for q, k in pairs]).mean()

    torch.testing.assert_close(generator.losses["nce"], contrast(x_a))
    if identity:
        torch.testing.assert_close(generator.losses["nce_identity"], contrast(x_b))
    (on_a,) = method.discriminate(method.translate(flip(x_a), "b"), "b")
    (on_b,) = method.discriminate(x_b, "b")
    torch.testing.assert_close(generator.losses["adversarial"], (on_a - 1).square().mean())
    halves = (on_b - 1).square().mean() + on_a.square().mean()
    torch.testing.assert_close(discriminator.losses["adversarial"], halves / 2)


def test_keys_have_no_gradient() -> None:
    method = cut(weights={"nce_identity": 0})
    given = batch(method)
    given.images["a"].requires_grad_()
    x_ab = method.generators(given.images["a"]).detach()
    loss = method._contrast(x_ab, given.images["a"], None, given.noise)
    (gradient,) = torch.autograd.grad(loss, given.images["a"], allow_unused=True)
    assert gradient is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": "3,1"}, "same number of channels, found channels (3, 1)"),
        ({"nce_layers": "4,0"}, "increasing order, found (4, 0)"),
        ({"nce_layers": "4,4"}, "increasing order, found (4, 4)"),
        ({"nce_layers": ""}, "increasing order, found ()"),
        ({"nce_layers": "0,99"}, "has the layer 99, and the last one of a generator of 1 residual"),
        ({"crop": 18}, "crop must be a multiple of 4"),
    ],
)
def test_what_the_networks_cannot_have_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:
        cut(**changes)
    assert message in str(error.value)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_dropout_goes_on_at_test_where_the_config_says_so(mode: str) -> None:
    method = cut(dropout=0.5, test_mode=mode).eval()
    x = batch(method).images["a"]
    assert method.stochastic is (mode == "train")
    assert torch.equal(method.translate(x, "b"), method.translate(x, "b")) is not method.stochastic


def test_dropout_at_test_can_be_changed_after_training() -> None:
    method = cut(dropout=0.5, test_mode="train").eval()
    change_settings(method, {"test_mode": "eval"}, "the command")
    x = batch(method).images["a"]
    assert not method.stochastic
    assert torch.equal(method.translate(x, "b"), method.translate(x, "b"))


def test_translation_goes_one_way() -> None:
    assert CUT.targets == ("b",)


def test_sheets_show_the_identity_only_if_it_is_trained() -> None:
    for method, titles in ((cut(), ["translation", "identity"]), (cut(**FASTCUT), ["translation"])):
        given = batch(method)
        panels = method.preview(given, given.noise)
        assert [panel.columns[-1][0] for panel in panels] == titles
