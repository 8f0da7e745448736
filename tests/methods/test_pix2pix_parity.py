"""The outputs of the official implementation, at its own weights and statistics."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from crossimage.config import build
from crossimage.methods.base import Batch, Noise
from crossimage.methods.pix2pix import Pix2Pix, Pix2PixConfig
from tests import golden
from tests.golden_junyanz import Names, patch_discriminator, renamed


def unet(downsamples: int) -> Names:
    """Layers of the official U-Net, whose levels are nested."""
    level, names = "model.model", {}
    for i in range(downsamples):
        outermost, innermost = i == 0, i == downsamples - 1
        up = 3 if outermost or innermost else 5
        names[f"{level}.{0 if outermost else 1}"] = "downs.0" if outermost else f"downs.{i}.conv"
        names[f"{level}.{up}"] = f"ups.{downsamples - 1 - i}" + (".1" if outermost else ".conv")
        if not outermost:
            names[f"{level}.{up + 1}"] = f"ups.{downsamples - 1 - i}.norm"
            if not innermost:
                names[f"{level}.2"] = f"downs.{i}.norm"
        level += ".1.model" if outermost else ".3.model"
    return names


def load(network: nn.Module, official: dict[str, Tensor]) -> None:
    """Load weights; with batch norm the official networks have no biases before the last layer."""
    zeros = {
        key: torch.zeros_like(value)
        for key, value in network.state_dict().items()
        if key.endswith("bias") and key not in official
    }
    network.load_state_dict(zeros | official)


@pytest.fixture(scope="module")
def case() -> tuple[Pix2Pix, dict[str, Tensor]]:
    folder = golden.folder("junyanz_pix2pix")
    theirs = json.loads((folder / "config.json").read_text())
    settings = {
        "width": theirs["ngf"],
        "downsamples": 7,
        "discriminator": {"width": theirs["ndf"], "layers": theirs["n_layers_D"]},
        "crop": 128,
        "test_mode": "eval",
    }
    method = Pix2Pix(build(Pix2PixConfig, settings)).eval()
    G, D = (golden.read(folder / f"latest_net_{name}.pth") for name in "GD")
    load(method.generators["G"], renamed(G, unet(7)))
    load(method.discriminators["D"], renamed(D, patch_discriminator(theirs["n_layers_D"])))
    return method, load_file(folder / "io.safetensors")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_translations(case) -> None:
    method, io = case
    close(method.translate(io["image"], "b"), io["translated_eval"])


@torch.no_grad()
def test_scores_of_pairs(case) -> None:
    method, io = case
    (scores,) = method.discriminate(io["target"], "b", condition=io["image"])
    close(scores, io["dis_eval"])


def test_loss_terms_by_the_papers_formulas(case) -> None:
    """In evaluation mode: running statistics and no dropout."""
    method, io = case
    x, y = io["image"], io["target"]
    batch = Batch({"a": x, "b": y}, Noise(0, 2, slice(0, 2), "cpu"))
    D, G = (move.losses for move in method.training_step(batch))
    G_x = method.translate(x, "b")
    real, fake = (method.discriminate(image, "b", x)[0] for image in (y, G_x))
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    one, zero = torch.ones_like(real), torch.zeros_like(real)
    close(D["adversarial"], (bce(real, one) + bce(fake, zero)) / 2)
    close(G["adversarial"], bce(fake, one))
    close(G["l1"], (G_x - y).abs().mean())
