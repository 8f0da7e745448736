"""Images, or channels of images, that are the same everywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from crossimage.data.images.pixels import Flatness, Pixels


def flatness(pixels: Pixels) -> tuple[Flatness, Flatness, Flatness]:
    """Return whether an image, its left half and its right half are the same everywhere.

    Transparent pixels count as white.
    """
    seen = _on_white(pixels)
    middle = seen.shape[2] // 2
    return _of(seen), _of(seen[:, :, :middle]), _of(seen[:, :, middle:])


def _of(values: Tensor) -> Flatness:
    if not values.numel():
        return "varied"
    same = (values == values[:, :1, :1]).flatten(1).all(1)
    return "blank" if same.all() else "flat channel" if same.any() else "varied"


def _on_white(pixels: Pixels) -> Tensor:
    """Return the colours (C, H, W) as they look on white, without opacity."""
    values, alpha = pixels.values, pixels.alpha
    values = values.int() if values.dtype == torch.uint16 else values
    if not alpha:
        return values
    colours, opacity = values[:-1], values[-1:]
    white = 1.0 if values.is_floating_point() else 255 if values.dtype == torch.uint8 else 65535
    return torch.lerp(
        torch.full_like(colours, white, dtype=torch.float), colours.float(), opacity / white
    )
