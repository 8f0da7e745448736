"""Translations and scores of the official implementation, at its own weights."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.config import build
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig
from tests import golden, golden_junyanz


@pytest.fixture(scope="module")
def case() -> tuple[CycleGAN, dict[str, Tensor]]:
    folder = golden.folder("junyanz_cyclegan")
    theirs = json.loads((folder / "config.json").read_text())
    blocks = int(theirs["netG"].removeprefix("resnet_").removesuffix("blocks"))
    layers = theirs["n_layers_D"]
    settings = {
        "crop": 64,
        "width": theirs["ngf"],
        "residual_blocks": blocks,
        "discriminator": {"width": theirs["ndf"], "layers": layers},
    }
    cyclegan = CycleGAN(build(CycleGANConfig, settings)).eval()
    generator = golden_junyanz.resnet_generator(blocks)
    discriminator = golden_junyanz.patch_discriminator(layers)
    # there D_A is the discriminator that G_A, from A to B, has to fool
    for network, name, names in (
        (cyclegan.generators["ab"], "G_A", generator),
        (cyclegan.generators["ba"], "G_B", generator),
        (cyclegan.discriminators["b"], "D_A", discriminator),
        (cyclegan.discriminators["a"], "D_B", discriminator),
    ):
        official = golden.read(folder / f"latest_net_{name}.pth")
        network.load_state_dict(golden_junyanz.renamed(official, names))
    return cyclegan, load_file(folder / "io.safetensors")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("to", "theirs"), [("b", "A"), ("a", "B")])
@torch.no_grad()
def test_translations(case: tuple[CycleGAN, dict[str, Tensor]], to: str, theirs: str) -> None:
    cyclegan, io = case
    close(cyclegan.translate(io[f"image_{theirs}"], to), io[f"translated_{theirs}"])


@pytest.mark.parametrize(("domain", "theirs"), [("b", "A"), ("a", "B")])
@torch.no_grad()
def test_scores(case: tuple[CycleGAN, dict[str, Tensor]], domain: str, theirs: str) -> None:
    cyclegan, io = case
    (scores,) = cyclegan.discriminate(io[f"dis_in_{theirs}"], domain)
    close(scores, io[f"dis_{theirs}"])
