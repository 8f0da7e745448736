"""A tiny model, images, and the command line as a function."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.methods.settings import MultiScaleShape

SHAPE: dict[str, Any] = dict(
    domains=("edges", "shoes"), width=2, residual_blocks=1, style_dim=3, style_downsamples=2,
    mlp_width=4, crop=(32, 32), discriminator=MultiScaleShape(width=2, layers=2, scales=1),
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    (tmp_path / "run").mkdir()
    save_model(tmp_path / "run" / "model.safetensors", MUNIT(MUNITConfig(**SHAPE), training=False))
    return tmp_path / "run"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("x.png", "y.jpg"):
        Image.new("RGB", (20, 16), "teal").save(folder / name)
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Arguments that `crossimage train` passes on, in place of a training run.

    The working folder holds a data set D and the lists a.txt and b.txt, which are empty.
    """
    folder = tmp_path / "here"
    (folder / "D").mkdir(parents=True)
    for name in ("a.txt", "b.txt"):
        (folder / name).touch()
    monkeypatch.chdir(folder)
    received: list[dict[str, Any]] = []

    def train(**arguments: Any) -> None:
        received.append(arguments)

    monkeypatch.setattr("crossimage.training.run.run_training", train)
    monkeypatch.setattr("crossimage.cli.console.ConsoleListener.report", lambda *_: 0)
    return received


def crossimage(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])
