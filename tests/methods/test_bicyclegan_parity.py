"""The outputs of the official implementation, at its own weights."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.methods.base import Batch
from crossimage.methods.bicyclegan import BicycleGAN
from tests import golden


@pytest.fixture(scope="module")
def case() -> tuple[BicycleGAN, dict[str, Tensor]]:
    folder = golden.folder("junyanz_bicyclegan")
    files = (folder / f"latest_net_{name}.pth" for name in "GED")
    method = golden.imported("junyanz-bicyclegan", *files)
    assert isinstance(method, BicycleGAN)
    return method, load_file(folder / "io.safetensors")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_translations(case) -> None:
    method, io = case
    close(method.translate(io["image"], "b", io["z"]), io["translated"])


@torch.no_grad()
def test_codes_and_guided_translations(case) -> None:
    method, io = case
    mu, log_variance = method.generators["E"](io["target"])
    close(mu, io["mu"])
    close(log_variance, io["logvar"])
    code = method.encode_style(io["target"], "b")
    close(code, io["mu"])
    close(method.translate(io["image"], "b", code), io["guided"])


@torch.no_grad()
def test_scores_of_both_scales(case) -> None:
    method, io = case
    for i, scores in enumerate(method.discriminate(io["target"], "b")):
        close(scores, io[f"dis_scale{i}"])


def test_loss_terms_from_the_official_outputs(case) -> None:
    """With the official random code, and a code of the ground truth without noise."""
    method, io = case
    noise = torch.stack([torch.zeros_like(io["z"][0]), io["z"][0]])
    images = {"a": io["image"][[0, 1]], "b": io["target"][[0, 1]]}
    G, D = (move.losses for move in method.training_step(Batch(images, lambda _: noise)))
    y, mu, log_variance = io["target"][:1], io["mu"][:1], io["logvar"][:1]
    guided, random = io["guided"][:1], io["translated"][:1]
    close(G["l1"], (guided - y).abs().mean())
    close(G["kl"], -0.5 * (1 + log_variance - mu**2 - log_variance.exp()).sum())
    close(G["latent"], (method.encode_style(random, "b") - io["z"][:1]).abs().mean())
    scores = {
        name: method.discriminate(image, "b")
        for name, image in (("vae", guided), ("random", random), ("other", io["target"][1:]))
    }
    scores["real"] = [io[f"dis_scale{i}"][:1] for i in range(2)]
    off = {
        (name, label): sum((s - label).square().mean() for s in maps)
        for name, maps in scores.items()
        for label in (0, 1)
    }
    close(G["adversarial_vae"], off["vae", 1])
    close(G["adversarial"], off["random", 1])
    close(D["adversarial_vae"], off["real", 1] + off["vae", 0])
    close(D["adversarial"], off["other", 1] + off["random", 0])
