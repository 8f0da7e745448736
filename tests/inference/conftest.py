"""A small model with styles, as a run holds it."""

from pathlib import Path

import pytest
import torch

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.inference.translator import Translator
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.methods.settings import MultiScaleShape

SHAPE = dict(
    domains=("Edges", "shoes"), width=4, residual_blocks=1, style_dim=3, style_downsamples=2,
    mlp_width=8, crop=(32, 32), discriminator=MultiScaleShape(width=4, layers=2, scales=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def networks() -> MUNIT:
    torch.manual_seed(0)
    return MUNIT(MUNITConfig(**SHAPE))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(networks: MUNIT, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save_model(folder / "model.safetensors", networks)
    Checkpoints(folder, keep=1).save(3, {"method": networks.tensors()})
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> Translator:
    return crossimage.load(run, device="cpu")


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
