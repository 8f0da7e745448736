"""Drawings as networks read them: the distance of every pixel to the nearest stroke."""

from __future__ import annotations

import torch
from torch import Tensor

from crossimage.networks.layers.plain import is_plain
from crossimage.utils.devices import exact

_LIGHT = 249.5 / 127.5 - 1  # of 255 gray levels; everything darker belongs to a stroke
_ROWS = 2**22  # distances held at a time


@torch.no_grad()
def distance_maps(x: Tensor) -> Tensor:
    """Return how far each pixel of a drawing is from the nearest stroke.

    Whatever is darker than 250 of 255 gray levels is a stroke. If more than half of an image is
    nearly black (below 6), its strokes are what is lighter: edge detectors draw white on black.

    Args:
        x: Drawings (N, C, H, W) in [-1, 1].

    Returns:
        Euclidean distances divided by the largest one of the image, (N, 1, H, W) in [-1, 1]: -1 on
        the strokes, 1 where it is farthest from them, and everywhere in an image without strokes.
        They are rounded down to 256 levels, those of an image file.
    """
    gray = x.float().mean(1)
    black = gray < -_LIGHT
    inverted = (black.flatten(1).float().mean(1) > 0.5)[:, None, None]
    strokes = (inverted & ~black) | (~inverted & (gray < _LIGHT))
    distances = exact(_squared_distances(strokes)).sqrt()
    farthest = distances.flatten(1).amax(1)[:, None, None].clamp_min(1)
    levels = (distances / farthest * 255).floor()
    return (levels / 127.5 - 1)[:, None].to(x.device, x.dtype)


def _squared_distances(strokes: Tensor) -> Tensor:
    """Return squared distances (N, H, W) to the nearest True pixel; large without any."""
    height, width = strokes.shape[1:]
    far = float((height + width) ** 2)
    down = torch.where(strokes, 0.0, far)
    return _nearest(_nearest(down.transpose(1, 2)).transpose(1, 2))


def _nearest(costs: Tensor) -> Tensor:
    """Return min over j of costs[..., j] + (i - j)^2 for every i of the last dimension."""
    rows, length = costs.reshape(-1, costs.shape[-1]), costs.shape[-1]
    index = torch.arange(length, device=costs.device, dtype=costs.dtype)
    apart = (index[:, None] - index).square()
    parts = [rows] if is_plain() else torch.split(rows, max(1, _ROWS // length**2))
    return torch.cat([(part[:, None] + apart).amin(2) for part in parts]).reshape(costs.shape)
