"""The outputs of the official implementation, at its own weights and statistics."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.methods.base import Batch, Noise
from crossimage.methods.pix2pix import Pix2Pix
from tests import golden


@pytest.fixture(scope="module")
def case() -> tuple[Pix2Pix, dict[str, Tensor]]:
    folder = golden.folder("junyanz_pix2pix")
    files = (folder / f"latest_net_{name}.pth" for name in "GD")
    method = golden.imported("junyanz-pix2pix", *files, options={"test_mode": "eval"})
    assert isinstance(method, Pix2Pix)
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
