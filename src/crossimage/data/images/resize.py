"""Resizing, padding and cropping to a given size."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate, pad

from crossimage.config import Config


def cover(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle of images (N, C, H, W), resized to just fill ``size``: height and width."""
    height, width = x.shape[2:]
    if (height, width) == size:
        return x
    scale = max(size[0] / height, size[1] / width)
    shape = (max(size[0], round(height * scale)), max(size[1], round(width * scale)))
    resized = interpolate(x, shape, mode="bilinear", antialias=True).clamp(-1, 1)
    top, left = (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2
    return resized[:, :, top : top + size[0], left : left + size[1]]


def pad_to(x: Tensor, multiple: int, smallest: int) -> tuple[Tensor, slice, slice]:
    """Pad images on all sides to the next size that networks take.

    Args:
        x: Images (N, C, H, W).
        multiple: Height and width become multiples of this.
        smallest: Least height and width.

    Returns:
        The padded images and the rows and columns that hold the original ones.
    """
    height, width = x.shape[2:]
    wanted = [-(-max(side, smallest) // multiple) * multiple for side in (height, width)]
    top, left = (wanted[0] - height) // 2, (wanted[1] - width) // 2
    bottom, right = wanted[0] - height - top, wanted[1] - width - left
    if any((top, bottom, left, right)):
        # Reflection continues textures, but needs as many pixels as it adds.
        reflects = max(top, bottom) < height and max(left, right) < width
        x = pad(x, (left, right, top, bottom), "reflect" if reflects else "replicate")
    return x, slice(top, top + height), slice(left, left + width)


def resized(height: int, width: int, config: Config) -> tuple[int, int]:
    """Height and width of an image before it is cropped: ``config.resize``, at least the crop."""
    scale = config.resize / min(height, width) if config.resize else 1.0
    scale = max(scale, config.crop[0] / height, config.crop[1] / width)
    return max(config.crop[0], round(height * scale)), max(config.crop[1], round(width * scale))
