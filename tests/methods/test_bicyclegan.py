"""What the BicycleGAN paper promises, beyond parity with its official code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from crossimage.config import build
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.bicyclegan import BicycleGAN, BicycleGANConfig
from tests.conftest import small


def bicyclegan(**changes: Any) -> BicycleGAN:
    return BicycleGAN(build(BicycleGANConfig, small("bicyclegan"), changes))


def batch(method: BicycleGAN, count: int = 4) -> Batch:
    shapes = zip("ab", method.config.channels, strict=True)
    images = {d: torch.rand(count, c, *method.config.crop) * 2 - 1 for d, c in shapes}
    return Batch(images, Noise(0, count, slice(0, count), "cpu"))


def moves(method: BicycleGAN) -> list[Update]:
    return list(method.training_step(batch(method)))


def gradients(loss: Tensor, module: torch.nn.Module) -> list[Tensor | None]:
    parameters = list(module.parameters())
    return list(torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True))


def test_the_defaults_are_the_published_settings() -> None:
    config = BicycleGANConfig()
    assert (config.width, config.downsamples, config.style_dim, config.inject) == (64, 8, 8, "all")
    assert (config.encoder, config.encoder_width, config.encoder_downsamples) == ("resnet", 64, 5)
    assert (config.norm, config.dropout, config.init) == ("instance", 0.5, "xavier")
    d = config.discriminator
    assert (d.width, d.layers, d.scales, d.norm) == (64, 3, 2, "instance")
    w = config.weights
    assert (w.adversarial_vae, w.adversarial, w.l1, w.latent, w.kl) == (1, 1, 10, 0.5, 0.01)
    assert (config.learning_rate, config.betas) == (2e-4, (0.5, 0.999))
    assert (config.batch_size, config.resize, config.crop) == (2, 286, (256, 256))


def test_generators_move_first() -> None:
    assert [move.player for move in moves(bicyclegan())] == ["generators", "discriminators"]


def test_finding_the_random_code_again_moves_the_generator_alone() -> None:
    method = bicyclegan()
    losses = moves(method)[0].losses
    E, G = method.generators["E"], method.generators["G"]
    for term in ("latent", "adversarial"):
        assert all(g is None or not g.any() for g in gradients(losses[term], E)), term
    assert any(gradient.abs().sum() > 0 for gradient in gradients(losses["latent"], G))
    for term in ("adversarial_vae", "l1", "kl"):
        assert any(gradient is not None for gradient in gradients(losses[term], E)), term


def test_terms_by_the_papers_formulas() -> None:
    method, eps, z = bicyclegan(), torch.randn(2, 3), torch.randn(2, 3)
    images = batch(method).images
    A, B, B_other = images["a"][0::2], images["b"][0::2], images["b"][1::2]
    noise = torch.stack([eps, z], 1).flatten(0, 1)
    G_move, D_move = method.training_step(Batch(images, lambda *_: noise))
    mu, log_variance = method.generators["E"](B)
    q = torch.distributions.Normal(mu, (log_variance / 2).exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    encoded = method.translate(A, "b", mu + eps * q.scale)
    random = method.translate(A, "b", z)

    def off(name: str, x: Tensor, label: float) -> Tensor:
        return sum((s - label).square().mean() for s in method.discriminators[name](x))

    expected = {
        "adversarial_vae": off("D", encoded, 1),
        "l1": (encoded - B).abs().mean(),
        "kl": torch.distributions.kl_divergence(q, prior).sum(1).mean(),
        "adversarial": off("D_2", random, 1),
        "latent": (method.encode_style(random, "b") - z).abs().mean(),
    }
    torch.testing.assert_close(G_move.losses, expected, rtol=1e-4, atol=1e-5)
    expected = {
        "adversarial_vae": off("D", B, 1) + off("D", encoded, 0),
        "adversarial": off("D_2", B_other, 1) + off("D_2", random, 0),
    }
    torch.testing.assert_close(D_move.losses, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("encoder", ["resnet", "conv"])
@pytest.mark.parametrize("inject", ["all", "input"])
def test_everything_learns_and_outputs_depend_on_the_code(encoder: str, inject: str) -> None:
    method = bicyclegan(encoder=encoder, inject=inject, crop=32)
    for move in method.training_step(batch(method)):
        parameters = list(method.players()[move.player].parameters())
        sum(move.losses.values()).backward(inputs=parameters)
        assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters)
    x = batch(method).images["a"]
    one, two = (method.translate(x, "b", torch.randn(4, 3)) for _ in range(2))
    assert (one - two).abs().mean() > 1e-4


def test_translations_by_several_codes_per_image_are_in_a_row() -> None:
    method, codes = bicyclegan().eval(), torch.randn(6, 3)
    x = batch(method, 2).images["a"]
    together = method.translate(x, "b", codes)
    alone = method.translate(x[1:], "b", codes[4:5])
    torch.testing.assert_close(together[4:5], alone, rtol=1e-4, atol=1e-5)


def test_an_example_guides_with_the_mean_of_its_code() -> None:
    method = bicyclegan().eval()
    images = batch(method).images
    codes = method.encode_style(images["b"], "b")
    torch.testing.assert_close(codes, method.generators["E"](images["b"])[0])
    guided = method.translate(images["a"][:1], "b", codes)
    assert guided.shape == images["b"].shape
    assert (guided[0] - guided[1]).abs().mean() > 1e-5


def test_either_domain_may_be_the_input() -> None:
    method = bicyclegan(direction="b-to-a", channels="1,4", crop="16,32")
    assert method.targets == ("a",)
    images = batch(method).images
    assert method.translate(images["b"], "a", torch.randn(4, 3)).shape == (4, 1, 16, 32)
    assert method.encode_style(images["a"], "a").shape == (4, 3)
    assert [s.shape[1] for s in method.discriminate(images["a"], "a")] == [1, 1]
    assert len(moves(method)) == 2
    with pytest.raises(ValueError, match="translates to a; .* of that domain only, not of b"):
        method.encode_style(images["b"], "b")


def test_what_has_no_weight_is_not_computed() -> None:
    names = {"adversarial_vae", "l1", "kl", "adversarial", "latent"}
    for off in names:
        generators, discriminators = moves(bicyclegan(weights={off: 0}))
        assert generators.losses.keys() == names - {off}
        assert discriminators.losses.keys() == {"adversarial_vae", "adversarial"} - {off}


def test_a_code_of_the_ground_truth_is_learned_in_a_few_steps() -> None:
    """The colour of a pair's output is in no input, so that only the code can tell it."""
    method = bicyclegan(weights={"kl": 0, "adversarial": 0, "adversarial_vae": 0, "latent": 0})
    colours = torch.tensor([[-0.8, 0.0, 0.8], [0.8, 0.0, -0.8]]).repeat_interleave(2, 0)
    images = {"a": torch.zeros(4, 3, 16, 16), "b": colours[..., None, None].expand(4, 3, 16, 16)}
    optimizer = torch.optim.Adam(method.generators.parameters(), 3e-3, betas=(0.5, 0.999))
    for step in range(100):
        move = next(method.training_step(Batch(images, Noise(step, 4, slice(0, 4), "cpu"))))
        move.losses["l1"].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert move.losses["l1"] < 0.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 3}, "multiple of 2 images at a time, and a process sees 3"),
        (
            {"batch_size": 6, "accumulate": 2},
            r"sees 3: batch_size \(6\) / accumulate \(2\)",
        ),
        ({"crop": 20}, "crop must be a multiple of 16, found"),
        ({"crop": 8, "downsamples": 3}, "too small: .*need at least 12 pixels"),
        ({"encoder_downsamples": 4}, "need at least 32 pixels"),
        ({"channels": "3"}, "two numbers, one per domain"),
        ({"inject": "middle"}, "inject: "),
        ({"style_dim": 0}, "style_dim: .* greater than or equal to 1"),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bicyclegan(**changes)
