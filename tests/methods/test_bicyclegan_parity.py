"""The outputs of the official implementation, at its own weights."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.config import build
from crossimage.methods.base import Batch
from crossimage.methods.bicyclegan import BicycleGAN, BicycleGANConfig
from tests import golden
from tests.golden_junyanz import patch_discriminator, renamed


def unet(official: dict[str, Tensor], downsamples: int) -> dict[str, Tensor]:
    """The official U-Net, whose levels are nested, under our names.

    In its skip connections the decoder's maps come first, in ours those of the encoder. Its biases
    before instance norms, which take them away again, have no place in ours.
    """
    ours = {}
    for i in range(downsamples):
        level = "model." + "submodule." * i
        bottleneck, outermost = i == downsamples - 1, i == 0
        down = {kind: official[f"{level}down.{min(i, 1)}.{kind}"] for kind in ("weight", "bias")}
        up = {kind: official[f"{level}up.1.{kind}"] for kind in ("weight", "bias")}
        if not bottleneck:
            up["weight"] = torch.cat(up["weight"].chunk(2)[::-1])
        names = ("downs.0", f"ups.{downsamples - 1}.1")
        if not outermost:
            names = (f"downs.{i}.conv", f"ups.{downsamples - 1 - i}.conv")
            del up["bias"]
            if not bottleneck:
                del down["bias"]
        for name, tensors in zip(names, (down, up), strict=True):
            ours |= {f"{name}.{kind}": tensor for kind, tensor in tensors.items()}
    return ours


def encoder(official: dict[str, Tensor]) -> dict[str, Tensor]:
    """The official residual encoder under our names."""
    names = {
        "fc.0": "mean",
        "fcVar.0": "log_variance",
        ".conv.5.0": ".path.5",
        ".conv.2": ".path.2",
        "conv.": "features.",
    }
    ours = {}
    for key, value in official.items():
        for theirs, mine in names.items():
            key = key.replace(theirs, mine, 1)
        ours[key] = value
    return ours


def discriminator(official: dict[str, Tensor]) -> dict[str, Tensor]:
    """Both scales of the official discriminator under our names."""
    ours = {}
    for i in range(2):
        scale = {
            key.replace(f"model_{i}", "model"): value
            for key, value in official.items()
            if key.startswith(f"model_{i}")
        }
        for key, value in renamed(scale, patch_discriminator(2)).items():
            ours[key.replace("scales.0", f"scales.{i}")] = value
    return ours


@pytest.fixture(scope="module")
def case() -> tuple[BicycleGAN, dict[str, Tensor]]:
    folder = golden.folder("junyanz_bicyclegan")
    theirs = json.loads((folder / "config.json").read_text())
    settings = {
        "crop": 128,
        "width": theirs["ngf"],
        "downsamples": 7,
        "style_dim": theirs["nz"],
        "encoder_width": theirs["nef"],
        "encoder_downsamples": 4,
        "discriminator": {"width": theirs["ndf"], "layers": 2, "scales": theirs["num_Ds"]},
    }
    method = BicycleGAN(build(BicycleGANConfig, settings)).eval()
    G, E, D = (golden.read(folder / f"latest_net_{name}.pth") for name in "GED")
    method.generators["G"].load_state_dict(unet(G, 7))
    method.generators["E"].load_state_dict(encoder(E))
    for name in ("D", "D_2"):
        method.discriminators[name].load_state_dict(discriminator(D))
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
