"""A cheap model of few weights, and folders of tiny images."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from crossimage.config import build
from crossimage.inference.translator import Translator
from crossimage.methods.munit import MUNIT
from tests.conftest import small


@pytest.fixture(scope="session")
def bulk_model() -> Translator:
    """A MUNIT of the size of tests."""
    torch.manual_seed(0)
    return Translator(MUNIT(build(MUNIT.Config, small("munit")), training=False), "cpu")


@pytest.fixture
def tiny_images(tmp_path: Path) -> Path:
    """Twelve images in nested folders, some of one name."""
    return draw_images(tmp_path / "in", 12)


def draw_images(folder: Path, number: int, size: int = 16) -> Path:
    """Write tiny images in two levels of folders, one name in each."""
    for i in range(number):
        path = folder / f"{i % 3}" / f"{i // 6}" / f"{i % 6}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (size, size), (i % 256, i // 256, 99)).save(path)
    return folder
