"""Check what users pass as images, and say how to convert what does not fit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossimage.data.images.class_ids import holds_class_numbers
from crossimage.methods.base import Method

__all__ = [
    "CLASS_NUMBERS", "Array", "check_array", "check_tensor", "class_number_note",
    "class_number_sentences",
]  # fmt: skip

Array = NDArray[np.uint8]
"""An image (H, W) or (H, W, C) of uint8; 3 channels are RGB."""

CLASS_NUMBERS = (
    "nearly black, like a label map of class numbers; a model that was trained on label maps in "
    "colours needs the same colours, which `crossimage data make labels --from DIR --out OUT` "
    "gives, with the --palette of the training data if it had one"
)
"""What users should know about such an input."""

_LIMIT = 10.0  # refuses 0..255, and lets noise and resizing overshoot [-1, 1]
_SLACK = 0.05  # of values in [0, 1] that were resized
_OVERSHOOT = 1.5  # what noise and resizing hardly exceed


def check_array(array: NDArray[Any], channels: int) -> Array:
    """Return an image as an array, if it is one of uint8.

    Raises:
        ValueError: Its type or its shape does not fit.
    """
    shape = array.shape
    if array.dtype != np.uint8:
        raise ValueError(f"expected an array of uint8, found {array.dtype}; {_conversion(array)}")
    if array.ndim not in {2, 3}:
        hint = "; give several images as a list of arrays" if array.ndim == 4 else ""
        raise ValueError(f"expected an array (H, W) or (H, W, C), found the shape {shape}{hint}")
    if not array.size:
        raise ValueError(f"expected at least one pixel, found an array of the shape {shape}")
    usual = {1, 3, 4}
    found = 1 if array.ndim == 2 else shape[2]
    if found != channels and not {found, channels} <= usual:
        hint = "; channels come last: use x.transpose(1, 2, 0)" if shape[0] in usual else ""
        raise ValueError(
            f"expected an array (H, W, {channels}) of {channels} channels, found the shape "
            f"{shape}{hint}"
        )
    return array


def class_number_note(networks: Method, image: Tensor) -> str:
    """Return what users should know about an input that may hold class numbers; else nothing.

    The model does not record how its training images looked, so this is no more than a note.

    Args:
        networks: The trained method.
        image: The input (C, H, W) in [-1, 1], before it is resized.
    """
    translates = networks.layout in ("unpaired", "paired", "class_pairs")
    if not translates or networks.classes or image.shape[0] != 3:
        return ""
    return CLASS_NUMBERS if holds_class_numbers(image) else ""


def class_number_sentences(networks: Method, batches: Iterable[Tensor]) -> list[str]:
    """Return the same of several inputs, with their number."""
    images = (image for batch in batches for image in batch)
    count = sum(bool(class_number_note(networks, image)) for image in images)
    return [f"{count} image{'' if count == 1 else 's'}: {CLASS_NUMBERS}"] if count else []


def _conversion(array: NDArray[Any]) -> str:
    """Return how to convert an array to uint8, judging by its type and values."""
    if array.dtype == bool:
        return "convert it with x.astype('uint8') * 255"
    if array.dtype.kind in "iu":
        values = (array.min(), array.max()) if array.size else (0, 0)
        if values[0] >= 0 and values[1] <= 255:
            return "convert values in 0..255 with x.astype('uint8')"
        return "convert values in 0..65535 with (x / 257).round().astype('uint8')"
    if array.dtype.kind == "f":
        if array.size and 1 < array.max() <= 255 and array.min() >= 0:
            return "convert values in 0..255 with x.round().astype('uint8')"
        return (
            "convert values in [0, 1] with (x * 255).round().astype('uint8'), or give a float "
            "tensor (N, C, H, W) in [-1, 1]"
        )
    return "give the values of its pixels"


def check_tensor(x: Tensor, channels: int) -> Tensor:
    """Return images (N, C, H, W) as float32, if they are in [-1, 1].

    Raises:
        ValueError: Their shape, type or range does not fit.

    Warns:
        UserWarning: Their values are those of images in [0, 1], or exceed [-1, 1] by far.
    """
    shape = tuple(x.shape)
    if x.ndim != 4:
        hint = "; add the batch dimension with x[None]" if x.ndim == 3 else ""
        raise ValueError(f"expected images (N, C, H, W), found a tensor {shape}{hint}")
    if x.shape[1] != channels:
        hint = ""
        if x.shape[3] == channels:
            hint = "; channels come before height and width: use x.permute(0, 3, 1, 2)"
        elif x.shape[1] == 1 and channels == 3:
            hint = "; for gray images use x.expand(-1, 3, -1, -1)"
        elif x.shape[1] == 4 and channels == 3:
            hint = "; leave out the opacity with x[:, :3]"
        raise ValueError(
            f"expected images (N, {channels}, H, W) of {channels} channels, "
            f"found a tensor {shape}{hint}"
        )
    if not x.numel():
        raise ValueError(f"expected at least one pixel, found a tensor {shape}")
    if not x.is_floating_point():
        hint = "; for 0..255 use x / 127.5 - 1" if x.dtype == torch.uint8 else ""
        raise ValueError(f"expected a float tensor in [-1, 1], found {x.dtype}{hint}")
    _check_values(x)
    return x.float()


def _check_values(x: Tensor) -> None:
    """Refuse values that no image in [-1, 1] holds, and warn of those that hardly any does."""
    low, high = (value.item() for value in x.detach().aminmax())
    if math.isnan(low):
        number = int(x.isnan().sum())
        raise ValueError(f"expected values in [-1, 1], found nan {number} times")
    span = f"{low:g} to {high:g}"
    if low < -_LIMIT or high > _LIMIT:
        hint = "; for 0..255 use x / 127.5 - 1" if low >= 0 and high <= 255 else ""
        raise ValueError(f"expected values in [-1, 1], found {span}{hint}")
    # other numbers of channels may be those of classes, one-hot
    if x.shape[1] in (1, 3, 4) and -_SLACK <= low < high <= 1 + _SLACK:
        warnings.warn(
            f"expected values in [-1, 1], found {span}, the range of images in [0, 1]; for these "
            "use x * 2 - 1",
            stacklevel=2,
        )
    elif low < -_OVERSHOOT or high > _OVERSHOOT:
        warnings.warn(
            f"expected values in [-1, 1], found {span}; undo the normalisation of other networks "
            "first, such as ImageNet's, with x * std + mean",
            stacklevel=2,
        )
