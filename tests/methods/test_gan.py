"""What GAN promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from crossimage import train
from crossimage.config import build
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.gan import GAN, GANConfig
from tests.conftest import small

TINY = {"crop": 16, "width": 4, "z_dim": 5}
OBJECTIVES = ("minimax", "non-saturating")


def gan(**changes: Any) -> GAN:
    torch.manual_seed(0)
    return GAN(build(GANConfig, TINY, changes))


def batch(method: GAN, count: int = 6, seed: int = 0) -> Batch:
    shape = (count, *method.config.channels, *method.config.crop)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Batch({"x": x}, Noise(seed, count, slice(0, count), "cpu"))


def moves(method: GAN, given: Batch | None = None) -> dict[str, Update]:
    return {move.player: move for move in method.training_step(given or batch(method))}


def test_the_defaults_are_the_settings_of_dcgan() -> None:
    config = GANConfig()
    assert (config.crop, config.z_dim, config.width, config.batch_size) == ((64, 64), 100, 128, 128)
    assert (config.learning_rate, config.betas) == (2e-4, (0.5, 0.999))
    assert config.objective == "non-saturating" and not config.flip


def test_weights_start_from_a_narrow_normal() -> None:
    method = gan(width=32)
    for name, weight in method.named_parameters():
        if weight.dim() == 4 and weight.numel() > 2000:
            assert weight.detach().mean().abs() < 2e-3, name
            assert weight.detach().std() == pytest.approx(0.02, rel=0.1), name


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_terms_are_equation_1(objective: str) -> None:
    method = gan(objective=objective)
    given = batch(method)
    fake = method.generators(Noise(0, 6, slice(0, 6), "cpu")(5))
    (real_logits,), (fake_logits,) = map(method.discriminators, (given.images["x"], fake))
    real, generated = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    expected = -real.log().mean() - (1 - generated).log().mean()
    step = moves(method, given)
    assert list(step) == ["discriminators", "generators"]
    torch.testing.assert_close(step["discriminators"].losses["adversarial"], expected)
    expected = (1 - generated).log().mean() if objective == "minimax" else -generated.log().mean()
    torch.testing.assert_close(step["generators"].losses["adversarial"], expected)


def test_minimax_saturates_where_the_discriminator_is_sure() -> None:
    slopes = []
    for objective in OBJECTIVES:
        method = gan(objective=objective)
        with torch.no_grad():
            method.discriminators.layers[-1].bias.fill_(-9.0)
        moves(method)["generators"].losses["adversarial"].backward()
        gradient = [p.grad.norm() for p in method.generators.parameters() if p.grad is not None]
        slopes.append(torch.stack(gradient).norm())
    assert slopes[0] < 1e-3 * slopes[1]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_images_become_as_bright_as_the_real_ones(objective: str) -> None:
    method = gan(objective=objective, crop=8, width=8)
    real = torch.full((16, 3, 8, 8), 0.6)
    players = {name: list(net.parameters()) for name, net in method.players().items()}
    optimizers = {n: torch.optim.Adam(p, 2e-3, betas=(0.5, 0.999)) for n, p in players.items()}
    for step in range(80):
        for move in method.training_step(Batch({"x": real}, Noise(step, 16, slice(0, 16), "cpu"))):
            move.losses["adversarial"].backward(inputs=players[move.player])
            optimizers[move.player].step()
            optimizers[move.player].zero_grad()
    made = method.eval().generate(torch.randn(16, 5))
    assert made.detach().mean() == pytest.approx(0.6, abs=0.2)


def test_an_image_depends_on_its_own_noise_alone_when_sampled() -> None:
    method = gan().eval()
    z = torch.randn(4, 5)
    torch.testing.assert_close(method.generate(z)[1:2], method.generate(z[1:2]))


def test_translation_needs_no_discriminator() -> None:
    method = GAN(build(GANConfig, TINY), training=False)
    assert list(method.players()) == ["generators"]
    assert method.generate(torch.randn(2, 5)).shape == (2, 3, 16, 16)


def test_it_translates_nothing() -> None:
    with pytest.raises(ValueError, match="generates images from noise"):
        gan().translate(torch.zeros(1, 3, 16, 16), "x")


def test_discriminators_score_images() -> None:
    method = gan().eval()
    (scores,) = method.discriminate(batch(method).images["x"], "x")
    assert scores.shape == (6, 1, 1, 1)


def test_a_sheet_shows_real_images_and_those_of_fixed_and_of_fresh_noise() -> None:
    method = gan().eval()

    def columns(step: int) -> list[Tensor]:
        fresh = Noise(100 + step, 6, slice(0, 6), "cpu")
        (panel,) = method.preview(batch(method), fresh)
        assert [title for title, _ in panel.columns if title] == [
            "real", "fixed noise", "fresh noise",
        ]  # fmt: skip
        return [images for _, images in panel.columns]

    one, other = columns(1), columns(2)
    assert len(one) == 9
    same = [torch.equal(a, b) for a, b in zip(one, other, strict=True)]
    assert same == [True] * 5 + [False] * 4
    assert not torch.equal(one[1], one[2])


def test_a_run_shows_its_images_once_though_there_are_test_images(
    folders: Path, tmp_path: Path
) -> None:
    train("gan", folders, tmp_path, **small("gan", steps=1, sample_every=1))
    with Image.open(tmp_path / "samples" / "step-00000001.jpg") as sheet:
        assert sheet.height < 200  # two rows of 16 px, doubled, under one title


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 24}, "crop must be a square of side 8, 16, 32, .* found \\(24, 24\\)"),
        ({"crop": "16,32"}, "crop must be a square"),
        ({"crop": 4}, "crop must be a square"),
        ({"channels": "3,3"}, "channels must be one number"),
        ({"objective": "wgan"}, "objective: "),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gan(**changes)
