"""What many tests need: a tiny data set of two domains and a method's tiny configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

SMALL: dict[str, dict[str, Any]] = {
    "munit": {
        "width": 4,
        "mlp_width": 8,
        "style_dim": 3,
        "residual_blocks": 1,
        "style_downsamples": 2,
        "discriminator": {"width": 4, "layers": 2, "scales": 2},
        "weights": {"cycle": 1.0},
    },
}
"""Settings that make each method tiny."""

RUN: dict[str, Any] = {
    "resize": 20,
    "crop": 16,
    "steps": 6,
    "batch_size": 4,
    "workers": 0,
    "precision": "fp32",
    "log_every": 2,
    "sample_every": 100,
    "save_every": 2,
    "sample_count": 2,
    "learning_rate": 0.001,
}
"""Settings that make a run tiny."""


def small(method: str = "munit", **changes: Any) -> dict[str, Any]:
    """Settings of a tiny run of a method."""
    return RUN | SMALL[method] | changes


def as_arguments(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Nested settings as ``key=value`` arguments of the command line."""
    arguments = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            arguments += as_arguments(value, f"{prefix}{key}.")
        else:
            arguments.append(f"{prefix}{key}={value}")
    return arguments


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains of unequal size, of images of unequal sizes: stripes and blobs of colour."""
    root = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for domain, train in (("A", 7), ("B", 5)):
        for split, count in (("train", train), ("test", 2)):
            folder = root / f"{split}{domain}"
            folder.mkdir()
            for i in range(count):
                shape = (20 + 4 * (i % 3), 24, 3)
                if domain == "A":
                    pixels = np.full(shape, 255)
                    pixels[:: 2 + i % 4] = generator.integers(0, 80)
                else:
                    pixels = np.broadcast_to(generator.integers(0, 256, 3), shape)
                noise = generator.integers(-20, 20, shape)
                picture = np.clip(pixels + noise, 0, 255).astype(np.uint8)
                Image.fromarray(picture).save(folder / f"{i}.png")
    return root


@pytest.fixture(autouse=True)
def _same_randomness() -> None:
    torch.manual_seed(0)
