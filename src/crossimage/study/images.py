"""Image files of a study, under names that say nothing about where they come from."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from crossimage.utils.files import atomic
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.pictures import encoded


class StudyImage(NamedTuple):
    """An image file of a study.

    Attributes:
        name: Name of the file, without suffix.
        height: Height in pixels.
        width: Width in pixels.
    """

    name: str
    height: int
    width: int


class StudyImages:
    """The folder of a study's images: PNG files without metadata, each content once.

    Args:
        folder: The folder; created if needed.
        secret: Random text of the study, so that no one can tell a name from the content.
    """

    def __init__(self, folder: Path, secret: str) -> None:
        make_folder(folder)
        self._folder, self._secret = folder, secret.encode()

    def add(self, x: Tensor) -> StudyImage:
        """Write an image (3, H, W) of uint8, unless it is there already."""
        array = np.ascontiguousarray(x.permute(1, 2, 0).cpu().numpy())
        content = f"{array.shape}".encode() + array.tobytes()
        name = hashlib.sha256(self._secret + content).hexdigest()[:32]
        path = self._folder / f"{name}.png"
        if not path.exists():
            with atomic(path) as file:
                file.write(encoded(Image.fromarray(array, "RGB")))
        return StudyImage(name, x.shape[1], x.shape[2])

    def read(self, image: StudyImage) -> Tensor:
        """Read an image (3, H, W) of uint8."""
        with Image.open(self._folder / f"{image.name}.png") as file:
            return torch.from_numpy(np.array(file)).permute(2, 0, 1)


def scramble(x: Tensor, seed: str) -> Tensor:
    """Mix up the parts of an image (3, H, W): eight per side, as far as there are pixels."""
    height, width = (max(1, side // 8) for side in x.shape[1:])
    rows, columns = x.shape[1] // height, x.shape[2] // width
    places = [(row * height, column * width) for row in range(rows) for column in range(columns)]
    result = x.clone()
    sources = random.Random(seed).sample(places, len(places))
    for (top, left), (y, z) in zip(places, sources, strict=True):
        result[:, top : top + height, left : left + width] = x[:, y : y + height, z : z + width]
    return result


def coarse(x: Tensor, scale: int) -> Tensor:
    """Reduce an image (3, H, W) of uint8, and enlarge it again by nearest neighbour."""
    size = [max(1, round(side / scale)) for side in x.shape[1:]]
    small = functional.interpolate(x[None].float(), size, mode="bicubic", antialias=True)
    large = functional.interpolate(small, list(x.shape[1:]), mode="nearest-exact")
    return large[0].round().clamp(0, 255).to(torch.uint8)
