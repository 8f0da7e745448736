"""Differentiable augmentations of image batches: colour, translation and cutout."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor
from torch.nn import functional as F

NUMBERS = 12
"""Random numbers per image: three of the colours, two each of the translation and the cutout, and
one for each of these five changes that decides whether it is made."""


def transform(
    x: Tensor,
    u: Tensor,
    kinds: Collection[str],
    probability: Tensor | None = None,
    condition: int = 0,
) -> Tensor:
    """Augment each image by random numbers of its own.

    The strengths are those of DiffAugment (Zhao et al. 2020, section 3.2): brightness within ±0.5,
    saturation from 0 to 2, contrast from 0.5 to 1.5; a translation by up to 1/8 of the side; a
    cutout of half the side, anywhere. What is moved in or cut out is 0.

    Args:
        x: Images (N, C, H, W), usually in [-1, 1]; the result is not clipped to it.
        u: Uniform in [0, 1], (N, NUMBERS).
        kinds: Any of ``color``, ``translation`` and ``cutout``.
        probability: Chance of each change, a scalar; by default all are made.
        condition: Number of leading channels that are another image, whose colours stay as they
            are; it is moved and cut as the rest is.

    Returns:
        Images (N, C, H, W) in fp32, channels-last.
    """
    x, u = x.float(), u.float()
    values, chances = u[:, :7], u[:, 7:]
    made = torch.ones_like(chances) if probability is None else (chances < probability).float()
    if "color" in kinds:
        given, image = x[:, :condition], x[:, condition:]
        x = torch.cat([given, _colored(image, values[:, :3], made[:, :3])], 1)
    if "translation" in kinds:
        x = _moved(x, values[:, 3:5], made[:, 3])
    if "cutout" in kinds:
        x = x * ~_hole(x, values[:, 5:7], made[:, 4])
    return x.contiguous(memory_format=torch.channels_last)


def _colored(x: Tensor, u: Tensor, made: Tensor) -> Tensor:
    """Change brightness, saturation about each pixel's mean, and contrast about each image's."""
    brightness, saturation, contrast = (n[:, None, None, None] for n in (u * made).unbind(1))
    with_1, with_2, with_3 = (n[:, None, None, None] for n in made.unbind(1))
    x = x + (brightness - 0.5 * with_1)
    gray = x.mean(1, keepdim=True)
    x = gray + (x - gray) * (1 + 2 * saturation - with_2)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (1 + contrast - 0.5 * with_3)


def _moved(x: Tensor, u: Tensor, made: Tensor) -> Tensor:
    """Move images down and across by whole pixels."""
    for dim in (2, 3):
        side = x.shape[dim]
        most = (side + 4) // 8  # the nearest to 1/8
        shift = _whole(u[:, dim - 2], 2 * most + 1) - most
        shift = shift * made.long()
        # index 0 and the last one are in a border of zeros
        index = torch.arange(1, side + 1, device=x.device) - shift[:, None]
        index = index.clamp(0, side + 1)
        padded = F.pad(x, (0, 0, 1, 1) if dim == 2 else (1, 1, 0, 0))
        along = index[:, None, :, None] if dim == 2 else index[:, None, None, :]
        x = padded.gather(dim, along.expand_as(x))
    return x


def _hole(x: Tensor, u: Tensor, made: Tensor) -> Tensor:
    """Return masks (N, 1, H, W) of rectangles of half the height and width, partly outside."""
    inside = (made > 0)[:, None, None, None]
    for dim in (2, 3):
        side = x.shape[dim]
        length = (side + 1) // 2
        # the centre is any pixel, or any corner of pixels if the length is even
        first = _whole(u[:, dim - 2], side + (length + 1) % 2) - length // 2
        at = torch.arange(side, device=x.device)
        covered = (at >= first[:, None]) & (at < first[:, None] + length)
        inside = inside & (covered[:, None, :, None] if dim == 2 else covered[:, None, None, :])
    return inside


def _whole(u: Tensor, count: int) -> Tensor:
    """Return whole numbers below ``count`` for numbers in [0, 1]."""
    return (u * count).long().clamp(max=count - 1)
