"""Data sets for the doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crossimage.config import Config
from crossimage.data.inspect import inspect
from crossimage.doctor.appearance import Appearances
from crossimage.doctor.diagnosis import Diagnosis, diagnose
from tests.data.make.test_split import save, smooth


def domains(
    folder: Path, train: int = 4, test: int = 2, names: tuple[str, str] = ("cats", "dogs")
) -> Path:
    """Two domains of images with large structures, all different."""
    for domain, name in enumerate(names):
        for split, count in (("train", train), ("test", test)):
            for number in range(count):
                seed = 1000 * domain + 100 * (split == "test") + number
                save(folder / split / name / f"{name}{number}.png", smooth(seed))
    return folder


def label_maps(folder: Path, count: int = 4, classes: int = 12) -> Path:
    """Photos, and label maps of class numbers, as pairs."""
    for number in range(count):
        save(folder / "train/photo" / f"{number}.jpg", smooth(number))
        ids = np.random.default_rng(number).integers(classes, size=(6, 6))
        ids[0, :2] = 0, classes - 1
        image = Image.fromarray(ids.repeat(8, 0).repeat(8, 1).astype(np.uint8))
        save(folder / "train/label" / f"{number}.png", image)
    return folder


def diagnosed(data: Path | str, config: Config | None = None, **known: Any) -> Diagnosis:
    appearances = Appearances()
    report = inspect(
        str(data), config or Config(resize=32, crop=(32, 32)), on_image=appearances.add, **known
    )
    return diagnose(report, appearances)


def warned(diagnosis: Diagnosis) -> str:
    return "\n".join(warning.text for warning in diagnosis.warnings)
