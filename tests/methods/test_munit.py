"""What the MUNIT paper promises, beyond parity with its official code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from crossimage.config import build
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.munit import MUNIT, MUNITConfig
from tests.conftest import small


def munit(**changes: Any) -> MUNIT:
    return MUNIT(build(MUNITConfig, small(), changes))


def batch(method: MUNIT, count: int = 2, seed: int = 0) -> Batch:
    shapes = zip("ab", method.config.channels, strict=True)
    images = {d: torch.rand(count, c, *method.config.crop) * 2 - 1 for d, c in shapes}
    return Batch(images, Noise(seed, count, slice(0, count), "cpu"))


def moves(method: MUNIT) -> list[Update]:
    return list(method.training_step(batch(method)))


def test_the_defaults_are_the_published_settings() -> None:
    config = MUNITConfig()
    assert (config.width, config.downsamples, config.residual_blocks) == (64, 2, 4)
    assert (config.style_dim, config.style_downsamples, config.mlp_width) == (8, 4, 256)
    d = config.discriminator
    assert (d.width, d.layers, d.scales, d.norm, d.activation) == (64, 4, 3, "none", "lrelu")
    w = config.weights
    assert (w.adversarial, w.image, w.style, w.content, w.cycle, w.perceptual) == (
        1, 10, 1, 1, 0, 0,
    )  # fmt: skip
    assert (config.learning_rate, config.betas, config.weight_decay) == (1e-4, (0.5, 0.999), 1e-4)
    assert (config.decay_every, config.decay_factor, config.steps) == (100_000, 0.5, 1_000_000)
    assert (config.batch_size, config.resize, config.crop) == (1, 256, (256, 256))


def test_discriminators_move_first() -> None:
    assert [move.player for move in moves(munit())] == ["discriminators", "generators"]


@pytest.mark.parametrize("kind", ["lsgan", "nsgan", "hinge", "wgan-gp"])
def test_every_adversarial_objective_trains(kind: str) -> None:
    method = munit(adversarial=kind)
    for move in method.training_step(batch(method)):
        assert ("gradient_penalty" in move.losses) == (
            kind == "wgan-gp" and move.player == "discriminators"
        )
        sum(move.losses.values()).backward(inputs=list(method.players()[move.player].parameters()))
    for player in method.players().values():
        assert all(p.grad is not None and p.grad.isfinite().all() for p in player.parameters())


def test_domains_may_differ_in_channels_and_crops_be_rectangular() -> None:
    method = munit(channels="1,4", crop="16,24")
    x = batch(method).images["a"]
    assert method.translate(x, "b", torch.randn(2, 3)).shape == (2, 4, 16, 24)
    assert len(moves(method)) == 2


def test_generators_start_apart_or_equal_as_chosen() -> None:
    def same(method: MUNIT) -> bool:
        a, b = (method.generators[letter].state_dict() for letter in "ab")
        return all(torch.equal(a[name], b[name]) for name in a)

    assert not same(munit())
    method = munit(equal_start=True)
    assert same(method)
    x, style = batch(method).images["a"], torch.randn(2, 3)
    assert torch.equal(method.translate(x, "b", style), method.translate(x, "a", style))
    own = {id(value) for value in method.generators["a"].parameters()}
    assert own.isdisjoint(id(value) for value in method.generators["b"].parameters())


def test_what_has_no_weight_is_neither_built_nor_run() -> None:
    method = munit(weights={"cycle": 0, "perceptual": 0})
    method.build_fixed_networks()
    assert not hasattr(method, "features")
    assert moves(method)[1].losses.keys() == {"adversarial", "image", "style", "content"}


def test_the_perceptual_loss_compares_a_translation_with_its_input(vgg16_file: Path) -> None:
    method = munit(weights={"perceptual": 1}, perceptual_weights=str(vgg16_file))
    method.build_fixed_networks()
    assert not any(name.startswith("features") for name in method.tensors())
    *_, generators = moves(method)
    generators.losses["perceptual"].backward()
    assert all(p.grad is None for p in method.features.parameters())
    decoders = [p for d in "ab" for p in method.generators[d].decode.parameters()]
    assert all(p.grad is not None for p in decoders)


def test_ink_is_a_term_of_the_decoders_and_encoders_where_it_has_a_weight() -> None:
    assert MUNITConfig().weights.ink == 0
    method = munit(weights={"ink": 5})
    *_, generators = moves(method)
    generators.losses["ink"].backward()
    for name, parameter in method.generators.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_ink_counts_in_cycles_where_they_have_a_weight() -> None:
    terms = []
    for cycle in (0, 1):
        torch.manual_seed(0)
        *_, generators = moves(munit(weights={"ink": 1, "cycle": cycle}))
        terms.append(generators.losses["ink"].item())
    assert terms[1] > 1.2 * terms[0] > 0


def test_the_style_changes_the_translation() -> None:
    method = munit()
    x = batch(method).images["a"]
    one, two = (method.translate(x, "b", torch.randn(2, 3)) for _ in range(2))
    assert (one - two).abs().mean() > 1e-3


def test_translations_by_several_styles_per_image_are_in_a_row() -> None:
    method, styles = munit(), torch.randn(6, 3)
    x = batch(method).images["a"]
    together = method.translate(x, "b", styles)
    alone = method.translate(x[1:], "b", styles[4:5])
    torch.testing.assert_close(together[4:5], alone, rtol=1e-4, atol=1e-5)


def test_reconstruction_is_learned_in_a_few_steps() -> None:
    method = munit(weights={"image": 10})
    colours = torch.rand(2, 2, 3, 1, 1) * 2 - 1
    shade = torch.linspace(0.5, 1, 16)  # a constant image would be a matter of rounding errors
    images = {d: (colours[i] * shade).expand(2, 3, 16, 16) for i, d in enumerate("ab")}
    players = {name: list(net.parameters()) for name, net in method.players().items()}
    optimizers = {n: torch.optim.Adam(p, 2e-3, betas=(0.5, 0.999)) for n, p in players.items()}
    history = []
    for step in range(20):
        for move in method.training_step(Batch(images, Noise(step, 2, slice(0, 2), "cpu"))):
            weights = method.config.weights
            total = sum(getattr(weights, name) * loss for name, loss in move.losses.items())
            total.backward(inputs=players[move.player])
            optimizers[move.player].step()
            optimizers[move.player].zero_grad()
        history.append(move.losses["image"].item())
    assert history[-1] < 0.5 * history[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 18}, "crop must be a multiple of 4"),
        ({"crop": 8, "style_downsamples": 4}, "too small.*need at least 16 pixels"),
        ({"channels": "3"}, "two numbers, one per domain"),
        ({"channels": "3,1", "equal_start": True}, "equal_start needs the same number of channels"),
        ({"channels": "3,5", "weights": {"perceptual": 1}}, "images of 1 or 3 channels"),
        ({"crop": 8, "downsamples": 3}, "too small.*need at least 16 pixels"),
        ({"downsamples": -1}, "downsamples: .* greater than or equal to 0"),
        ({"width": True}, "width: expected a number"),
        ({"weights": {"image": -1}}, "weights.image: .* greater than or equal to 0"),
        ({"adversarial": "wgan"}, "adversarial: "),
        ({"discriminator": {"scale": 2}}, "did you mean 'discriminator.scales'"),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        munit(**changes)
