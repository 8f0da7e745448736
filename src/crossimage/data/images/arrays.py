"""Pillow images and arrays as tensors in [-1, 1], and tensors as these."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from crossimage.config import DataRules
from crossimage.data.images import pillow
from crossimage.data.images.pixels import Pixels, convert, normalise
from crossimage.utils.intensities import to_uint8


def from_pil(
    image: Image.Image,
    channels: int = 3,
    value_range: tuple[float, float] | None = None,
    rules: DataRules = 3,
) -> Tensor:
    """Convert a Pillow image to a float32 tensor (channels, H, W) in [-1, 1], upright.

    Args:
        image: An image of any mode.
        channels: Number of channels, as for :func:`~crossimage.data.images.files.read_image`.
        value_range: Lowest and highest value of the modes F and I; other values are clipped.
        rules: The rules by which images are read; 1 for runs and models of earlier versions.

    Raises:
        ValueError: The channels cannot be converted, ``value_range`` is needed, or no pixel holds a
            value.
    """
    pixels = pillow.from_image(image, rules)
    return normalise(convert(pixels, channels, value_range, "the image", rules).contiguous())


def from_array(array: NDArray[np.uint8], channels: int = 3) -> Tensor:
    """Convert an array to a float32 tensor (channels, H, W) in [-1, 1].

    Args:
        array: Values (H, W) or (H, W, C); 3 channels are RGB.
        channels: Number of channels, as for :func:`~crossimage.data.images.files.read_image`.

    Raises:
        ValueError: The channels cannot be converted.
    """
    values = torch.from_numpy(np.array(array if array.ndim == 3 else array[:, :, None]))
    pixels = Pixels(values.permute(2, 0, 1), alpha=values.shape[2] in (2, 4))
    return normalise(convert(pixels, channels, None, "the array").contiguous())


def to_array(x: Tensor) -> NDArray[np.uint8]:
    """Convert a float tensor (C, H, W) in [-1, 1] to a uint8 array (H, W, C)."""
    return to_uint8(x).cpu().permute(1, 2, 0).contiguous().numpy()


def to_pil(x: Tensor) -> Image.Image:
    """Convert a float tensor (C, H, W) in [-1, 1] to an 8-bit Pillow image.

    Raises:
        ValueError: The tensor does not have 1, 3 or 4 channels.
    """
    if x.ndim != 3 or x.shape[0] not in (1, 3, 4):
        raise ValueError(
            f"a tensor {tuple(x.shape)} is not an image; expected (C, H, W) with 1, 3 or 4 channels"
        )
    array = to_array(x)
    return Image.fromarray(array[:, :, 0] if x.shape[0] == 1 else array)
