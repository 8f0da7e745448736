"""Loads checkpoints of the official MUNIT and UNIT code into our networks, tensor by tensor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

SHARED = Path(__file__).resolve().parents[2] / "shared"


def folder(name: str) -> Path:
    path = SHARED / "golden" / name
    if not path.is_dir():
        pytest.skip(f"the official outputs are not at {path}")
    return path


def read(path: Path) -> dict[str, dict[str, Tensor]]:
    return torch.load(path, map_location="cpu", weights_only=True)


def generator(official: dict[str, Tensor], downsamples: int, blocks: int) -> dict[str, Tensor]:
    """One domain's official MUNIT generator under our names."""
    names = {}
    for i in range(1 + downsamples):
        names[f"enc_content.model.{i}"] = f"content.{i}"
    for i in range(blocks):
        for j, half in enumerate(("first", "second")):
            theirs = f"model.{i}.model.{j}"
            names[f"enc_content.model.{1 + downsamples}.{theirs}"] = (
                f"content.{1 + downsamples + i}.{half}"
            )
            names[f"dec.model.0.{theirs}.conv"] = f"decode.blocks.{i}.{half}"
    style_layers = sum(k.startswith("enc_style") and k.endswith("conv.weight") for k in official)
    for i in range(style_layers):
        names[f"enc_style.model.{i}"] = f"style.{i}"
    names[f"enc_style.model.{style_layers + 1}"] = f"style.{style_layers + 1}"
    for i in range(downsamples):
        names[f"dec.model.{2 * i + 2}"] = f"decode.upsampler.{i}"
    names[f"dec.model.{2 * downsamples + 1}"] = f"decode.upsampler.{downsamples}"
    for i in range(3):
        names[f"mlp.model.{i}.fc"] = f"decode.mlp.{2 * i}"
    return _renamed(official, names)


def autoencoder(official: dict[str, Tensor], downsamples: int, blocks: int) -> dict[str, Tensor]:
    """One domain's official UNIT generator, as published with MUNIT, under our names."""
    names = {f"enc.model.{i}": f"encode.{i}" for i in range(1 + downsamples)}
    for i in range(blocks):
        for j, half in enumerate(("first", "second")):
            theirs = f"model.{i}.model.{j}"
            names[f"enc.model.{1 + downsamples}.{theirs}"] = f"encode.{1 + downsamples + i}.{half}"
            names[f"dec.model.0.{theirs}"] = f"decode.{i}.{half}"
    for i in range(downsamples):
        names[f"dec.model.{2 * i + 2}"] = f"decode.{blocks}.{i}"
    names[f"dec.model.{2 * downsamples + 1}"] = f"decode.{blocks}.{downsamples}"
    return _renamed(official, names)


def _renamed(official: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """The tensors under each prefix's other name; statistics of instance norms are left out."""
    ours = {}
    for key, value in official.items():
        if key.endswith(("running_mean", "running_var")):
            continue
        prefix = max((p for p in names if key.startswith(p + ".")), key=len)
        rest = key[len(prefix) :].replace("gamma", "weight").replace("beta", "bias")
        ours[names[prefix] + rest] = value
    return ours


def discriminator(official: dict[str, Tensor]) -> dict[str, Tensor]:
    """One domain's official multi-scale discriminator under our names."""
    return {key.replace("cnns.", "scales."): value for key, value in official.items()}
