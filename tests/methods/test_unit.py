"""What the UNIT paper promises, beyond parity with its official code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from crossimage.config import build
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.unit import UNIT, UNITConfig
from crossimage.networks.layers.blocks import ResidualBlock
from crossimage.recipes import resolve
from tests.conftest import small


def unit(**changes: Any) -> UNIT:
    return UNIT(build(UNITConfig, small("unit"), changes))


def batch(method: UNIT, count: int = 2, seed: int = 0) -> Batch:
    shapes = zip("ab", method.config.channels, strict=True)
    images = {d: torch.rand(count, c, *method.config.crop) * 2 - 1 for d, c in shapes}
    return Batch(images, Noise(seed, count, slice(0, count), "cpu"))


def moves(method: UNIT, given: Batch | None = None) -> list[Update]:
    return list(method.training_step(given or batch(method)))


def test_the_defaults_are_the_published_settings() -> None:
    config = UNITConfig()
    assert (config.width, config.downsamples, config.residual_blocks) == (64, 2, 4)
    assert config.share_latent_blocks == 0
    d = config.discriminator
    assert (d.width, d.layers, d.scales, d.norm, d.activation) == (64, 4, 3, "none", "lrelu")
    w = config.weights
    assert (w.adversarial, w.image, w.kl, w.cycle, w.kl_cycle, w.perceptual) == (
        1, 10, 0.01, 10, 0.01, 0,
    )  # fmt: skip
    assert (config.learning_rate, config.betas, config.weight_decay) == (1e-4, (0.5, 0.999), 1e-4)
    assert (config.decay_every, config.decay_factor, config.steps) == (100_000, 0.5, 1_000_000)
    assert (config.adversarial, config.init) == ("lsgan", "kaiming")


def test_the_form_of_2017_shares_one_block_of_four_on_either_side() -> None:
    method, settings = resolve("unit/cat2tiger_2017")
    config = build(UNITConfig, settings)
    assert method == "unit"
    assert (config.residual_blocks, config.share_latent_blocks) == (4, 1)
    w = config.weights
    assert (w.adversarial, w.image, w.kl, w.cycle, w.kl_cycle) == (10, 100, 0.1, 100, 0.1)
    own = UNIT(build(UNITConfig, settings, {"width": 2}), training=False).generators
    blocks = {
        name: sum(type(m).__name__ == "ResidualBlock" for m in getattr(own[d], name).modules())
        for d, name in (("a", "encode"), ("b", "decode"))
    }
    assert blocks == {"encode": 3, "decode": 3}
    assert len(own["shared"].encode) == len(own["shared"].decode) == 1


def test_discriminators_move_first() -> None:
    assert [move.player for move in moves(unit())] == ["discriminators", "generators"]


@pytest.mark.parametrize("kind", ["lsgan", "nsgan"])
def test_every_adversarial_objective_trains(kind: str) -> None:
    method = unit(adversarial=kind)
    for move in method.training_step(batch(method)):
        sum(move.losses.values()).backward(inputs=list(method.players()[move.player].parameters()))
    for player in method.players().values():
        assert all(p.grad is not None and p.grad.isfinite().all() for p in player.parameters())


@pytest.mark.parametrize("domain", ["a", "b"])
def test_shared_blocks_learn_from_both_domains_and_own_ones_do_not(domain: str) -> None:
    method, x = unit(), torch.rand(2, 3, 16, 16) * 2 - 1
    reconstruction = method.decode(method.encode_content(x, domain), domain)
    (reconstruction - x).abs().mean().backward()
    learning = {
        name
        for name, network in method.generators.items()
        if any(p.grad is not None and p.grad.any() for p in network.parameters())
    }
    assert learning == {domain, "shared"}


def test_shared_tensors_are_kept_once() -> None:
    method = unit()
    names = [name for name in method.tensors("generators") if ".shared." in name]
    assert len(names) == 8  # two blocks of two convolutions
    pointers = [tensor.data_ptr() for tensor in method.tensors().values()]
    assert len(pointers) == len(set(pointers))


def test_without_shared_blocks_domains_have_no_tensor_in_common() -> None:
    method = unit(share_latent_blocks=0)
    assert not list(method.generators["shared"].parameters())
    x = torch.rand(1, 3, 16, 16)
    method.decode(method.encode_content(x, "a"), "a").sum().backward()
    assert all(p.grad is None for p in method.generators["b"].parameters())


def test_the_divergence_is_the_mean_square_of_the_latent_means() -> None:
    method = unit()
    given = batch(method)
    losses = moves(method, given)[1].losses
    h = [method.encode_content(given.images[d], d) for d in "ab"]
    torch.testing.assert_close(losses["kl"], sum(m.pow(2).mean() for m in h))


def test_training_decodes_noisy_codes_and_translation_means() -> None:
    method = unit()
    given = batch(method)
    one, other = (moves(method, Batch(given.images, noise(s)))[1].losses for s in (1, 2))
    assert abs(one["image"] - other["image"]) > 1e-4
    assert one["kl"] == other["kl"]
    x = given.images["a"]
    first, second = method.train().translate(x, "b"), method.eval().translate(x, "b")
    assert torch.equal(first, second)
    assert torch.equal(first, method.decode(method.encode_content(x, "a"), "b"))


def noise(seed: int) -> Noise:
    return Noise(seed, 2, slice(0, 2), "cpu")


def test_noise_of_the_codes_has_unit_variance_and_each_pass_its_own() -> None:
    method, draws = unit(), []

    def record(*shape: int) -> Tensor:
        draws.append(torch.randn(2, *shape))
        return draws[-1]

    moves(method, Batch(batch(method).images, record))
    assert [draw.shape for draw in draws] == [(2, 16, 4, 4)] * 4


def test_domains_may_differ_in_channels_and_crops_be_rectangular() -> None:
    method = unit(channels="1,4", crop="16,24")
    x = batch(method).images["a"]
    assert method.translate(x, "b").shape == (2, 4, 16, 24)
    assert len(moves(method)) == 2


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ({"cycle": 0, "kl_cycle": 0}, {"kl"}),
        ({"cycle": 0}, {"kl", "kl_cycle"}),
        ({"kl": 0, "kl_cycle": 0}, {"cycle"}),
    ],
)
def test_what_has_no_weight_is_neither_built_nor_run(weights: dict, terms: set) -> None:
    method = unit(weights=weights)
    method.build_fixed_networks()
    assert not hasattr(method, "features")
    assert moves(method)[1].losses.keys() == {"adversarial", "image"} | terms


def test_the_perceptual_loss_compares_a_translation_with_its_input(vgg16_file: Path) -> None:
    method = unit(weights={"perceptual": 1}, perceptual_weights=str(vgg16_file))
    method.build_fixed_networks()
    assert not any(name.startswith("features") for name in method.tensors())
    *_, generators = moves(method)
    generators.losses["perceptual"].backward()
    assert all(p.grad is None for p in method.features.parameters())
    assert all(p.grad is not None for p in method.generators.parameters())


def test_reconstruction_is_learned_in_a_few_steps() -> None:
    method = unit()
    halves = torch.ones(2, 3, 16, 16)
    halves[0, :, :8] = halves[1, :, :, :8] = -1
    images = {"a": halves, "b": -halves}
    players = {name: list(net.parameters()) for name, net in method.players().items()}
    optimizers = {n: torch.optim.Adam(p, 2e-3, betas=(0.5, 0.999)) for n, p in players.items()}
    history = []
    for step in range(40):
        for move in method.training_step(Batch(images, noise(step))):
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
        ({"crop": 4}, "too small.*need at least 8 pixels"),
        ({"channels": "3"}, "two numbers, one per domain"),
        ({"channels": "3,5", "weights": {"perceptual": 1}}, "images of 1 or 3 channels"),
        (
            {"share_latent_blocks": 3},
            r"share_latent_blocks \(3\) must be at most residual_blocks \(2",
        ),
        ({"adversarial": "wgan-gp"}, "adversarial: "),
        ({"share_latent_block": 1}, "did you mean 'share_latent_blocks'"),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unit(**changes)


@pytest.mark.parametrize("shared", [0, 1])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_dropout_gives_an_input_many_translations_where_the_config_says_so(
    mode: str, shared: int
) -> None:
    method = unit(dropout=0.5, test_mode=mode, share_latent_blocks=shared).eval()
    assert method.stochastic == (mode == "train")
    x = torch.rand(1, method.channels["a"], 16, 16) * 2 - 1
    assert torch.equal(method.translate(x, "b"), method.translate(x, "b")) == (mode == "eval")


def test_every_residual_block_drops_what_it_adds() -> None:
    blocks = [
        module
        for module in unit(
            dropout=0.5, residual_blocks=2, share_latent_blocks=1
        ).generators.modules()
        if isinstance(module, ResidualBlock)
    ]
    assert len(blocks) == 2 * 2 * 1 + 2
    x = torch.randn(1, blocks[0].first.conv.in_channels, 8, 8)
    for block in blocks:
        added = block.train()(x) - x
        assert 0.3 < (added == 0).float().mean() < 0.7
