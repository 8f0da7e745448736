"""Translations, scores and classes of the official implementation, at its own weights."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.methods.stargan import CELEBA, StarGAN
from tests import golden


@pytest.fixture(scope="module")
def case() -> tuple[StarGAN, dict[str, Tensor]]:
    folder = golden.folder("yunjey_stargan")
    files = (folder / f"200000-{name}.ckpt" for name in "GD")
    stargan = golden.imported("yunjey-stargan", *files)
    assert isinstance(stargan, StarGAN)
    return stargan, load_file(folder / "io.safetensors")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_translations(case: tuple[StarGAN, dict[str, Tensor]]) -> None:
    stargan, io = case
    close(stargan.translate(io["image"], io["label"]), io["translated"])


@torch.no_grad()
def test_scores_and_classes(case: tuple[StarGAN, dict[str, Tensor]]) -> None:
    stargan, io = case
    source, logits = stargan.discriminate(io["image"], "x")
    close(source, io["dis_src"])
    close(logits, io["dis_cls"])
    close(stargan.classify(io["image"], "x"), io["dis_cls"])


def test_the_shape_is_read_from_the_tensors(case: tuple[StarGAN, dict[str, Tensor]]) -> None:
    config = case[0].config
    assert (config.width, config.residual_blocks, config.crop) == (8, 2, (64, 64))
    assert (config.discriminator.width, config.discriminator.layers) == (8, 4)
    assert (config.domains, config.exclusive) == (CELEBA, (CELEBA[:3],))
