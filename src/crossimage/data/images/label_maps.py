"""Label maps: images whose values are numbers of classes, as one-hot channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from crossimage.data.images.checks import png
from crossimage.data.images.class_ids import without_instances
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.formats import HEAD, format_of
from crossimage.data.images.opening import opened
from crossimage.data.images.quiet import libraries_quiet
from crossimage.data.images.stored import WHOLE, stored_values
from crossimage.utils.reading import open_data, read_data


def read_label_map(
    image: ImageFile | Image.Image | NDArray[np.uint8], channels: int, classes: int
) -> Tensor:
    """Read a label map: a gray image of class numbers, or an image with a palette of classes.

    Numbers from 1000 on name instances, as in Cityscapes: 26003 is an instance of class 26.

    Args:
        image: An image or a file.
        channels: Channels to return: one per class, and perhaps one for borders.
        classes: Number of classes; others are refused.

    Returns:
        A float32 tensor (channels, H, W) of 0 and 1. If there is one more channel than there are
        classes, it marks both sides of the borders between numbers.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The image has several channels, or a class that the model does not have.
    """
    name = "the label map"
    if isinstance(image, np.ndarray):
        numbers = image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
        if numbers.ndim != 2:
            raise ValueError(f"expected a label map (H, W), found the shape {image.shape}")
        if image.dtype.kind not in "biu" or not image.size:
            raise ValueError(
                f"expected a label map of whole numbers, found {image.shape} of {image.dtype}"
            )
    else:
        if not isinstance(image, Image.Image):
            name = str(image)
            numbers, mode = _stored(image)
        else:
            numbers, mode = np.asarray(image), image.mode
        if mode not in WHOLE:
            raise ValueError(
                f"{name} is an image of mode {mode}, and this model translates label maps; "
                "expected a gray image of class numbers, or a palette"
            )
    return _encode(numbers.astype(np.int64), channels, classes, name)


def _stored(file: ImageFile) -> tuple[NDArray[Any], str]:
    """Return the numbers of a file as they are stored, and Pillow's name of the pixel format."""
    with opened(file):  # which checks the file, and names it in errors
        if format_of(read_data(file)[:HEAD]) == "PNG":
            png.check(file)
        with open_data(file) as data, Image.open(data) as image, libraries_quiet():
            return stored_values(file, image), image.mode


def _encode(numbers: NDArray[np.int64], channels: int, classes: int, name: str) -> Tensor:
    labels = torch.from_numpy(without_instances(numbers))
    low, high = (int(value) for value in labels.aminmax())
    if low < 0 or high >= classes:
        raise ValueError(
            f"{name} holds the class {low if low < 0 else high}, and this model has those from 0 "
            f"to {classes - 1}"
        )
    encoded = F.one_hot(labels, classes).permute(2, 0, 1).float()
    if channels == classes:
        return encoded
    borders = np.zeros(numbers.shape, bool)
    beside, below = numbers[:, 1:] != numbers[:, :-1], numbers[1:] != numbers[:-1]
    borders[:, 1:] |= beside
    borders[:, :-1] |= beside
    borders[1:] |= below
    borders[:-1] |= below
    return torch.cat([encoded, torch.from_numpy(borders)[None].float()])
