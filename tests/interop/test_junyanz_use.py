"""Imported models of CycleGAN, pix2pix and BicycleGAN are models like all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import crossimage
from crossimage import train
from crossimage.interop import import_model
from tests.conftest import RUN
from tests.interop.junyanz_networks import Encoder, Scales, code_unet, patch, resnet, saved, unet


def networks(method: str) -> tuple[list[torch.nn.Module], dict[str, Any]]:
    """Tiny networks of a method, and their settings in our words."""
    discriminator = {"width": 4, "layers": 2}
    if method == "cyclegan":
        given = [resnet(blocks=1), resnet(blocks=1), patch(layers=2), patch(layers=2)]
        return given, {"width": 4, "residual_blocks": 1, "discriminator": discriminator}
    if method == "pix2pix":
        given = [unet(depth=5), patch(6, layers=2, norm="batch")]
        return given, {"width": 2, "downsamples": 5, "discriminator": discriminator}
    given = [code_unet(depth=5), Encoder(halvings=2), Scales(), Scales()]
    encoder = {"encoder_width": 2, "encoder_downsamples": 2}
    return given, {"width": 2, "downsamples": 5, "discriminator": discriminator, **encoder}


@pytest.mark.parametrize("method", ["cyclegan", "pix2pix", "bicyclegan"])
def test_files_and_fine_tuning(method: str, pairs: Path, tmp_path: Path) -> None:
    given, settings = networks(method)
    files = [saved(network, tmp_path / f"{i}.pth") for i, network in enumerate(given)]
    model = tmp_path / "model.safetensors"
    notes = import_model(files, model)
    assert notes[0] == f"recognised as junyanz-{method}"

    opened = crossimage.load(model, device="cpu")
    opened.translate_files([pairs / "testA" / "0.png"], tmp_path / "out", to="b")
    (output,) = (tmp_path / "out").rglob("*.png")
    with Image.open(output) as image, Image.open(pairs / "testA" / "0.png") as source:
        assert image.size == source.size

    run = tmp_path / "run"
    overrides = RUN | settings | {"resize": 32, "crop": 32, "steps": 2}
    assert train(method, pairs, run, **overrides, init_from=model).stopped_by is None
    before, after = (crossimage.load(path, device="cpu").networks for path in (model, run))
    pairs_of = zip(before.generators.parameters(), after.generators.parameters(), strict=True)
    moves = [(a - b).abs().max() for a, b in pairs_of]
    assert 0 < max(moves) < 0.01
