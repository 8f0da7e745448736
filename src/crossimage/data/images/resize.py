"""Resizing, cropping and padding of images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from crossimage.config import Config
from crossimage.utils.intensities import from_uint8, to_uint8

Size = tuple[int, int]
"""Height and width."""

_REACH = 3  # pixels of the smaller image that the cubic kernel may need beyond an edge


def size_before_crop(height: int, width: int, config: Config) -> Size:
    """Return the size to which training resizes an image before it crops it.

    The shortest side becomes ``config.resize``; no side is smaller than the crop.
    """
    scale = config.resize / min(height, width) if config.resize else 1.0
    scale = max(scale, config.crop[0] / height, config.crop[1] / width)
    return max(config.crop[0], round(height * scale)), max(config.crop[1], round(width * scale))


def resize_decoded(image: Tensor, size: Size) -> Tensor:
    """Resize a decoded image (C, H, W), antialiased; uint8 stays uint8, rounded to whole levels.

    The values are those of torchvision's ``resize``.
    """
    if image.shape[1:] == size:
        return image
    return interpolate(image[None], size, mode="bilinear", antialias=True)[0]


def centre(image: Tensor, size: Size) -> Tensor:
    """Return the middle of an image (C, H, W) that is no smaller than ``size``."""
    top, left = (round((image.shape[i + 1] - size[i]) / 2) for i in (0, 1))
    return image[:, top : top + size[0], left : left + size[1]]


def resize_floats(x: Tensor, size: Size) -> Tensor:
    """Resize float images (N, C, H, W) in [-1, 1], antialiased and without rounding."""
    return interpolate(x, size, mode="bilinear", antialias=True).clamp(-1, 1)


def resize_shortest_side(x: Tensor, side: int) -> Tensor:
    """Resize float images (N, C, H, W) in [-1, 1] so that the shortest side has ``side`` pixels."""
    height, width = x.shape[2:]
    scale = side / min(height, width)
    return resize_floats(x, (max(1, round(height * scale)), max(1, round(width * scale))))


def resize_to_cover(x: Tensor, size: Size) -> Tensor:
    """Resize float images (N, C, H, W) in [-1, 1] to just cover ``size``; return the middle."""
    height, width = x.shape[2:]
    if (height, width) == size:
        return x
    scale = max(size[0] / height, size[1] / width)
    shape = (max(size[0], round(height * scale)), max(size[1], round(width * scale)))
    resized = resize_floats(x, shape)
    top, left = (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2
    return resized[:, :, top : top + size[0], left : left + size[1]]


def shrink(x: Tensor, scale: int) -> Tensor:
    """Shrink images with a bicubic kernel and round them to 8 bits, as is usual in the literature.

    The antialiasing cubic kernel (a = -0.5) and the mirrored edges are those of MATLAB's
    ``imresize``.

    Args:
        x: Images (N, C, H, W) in [-1, 1], H and W multiples of ``scale``.
        scale: Reduction factor.

    Raises:
        ValueError: A side is not a multiple of the scale.
    """
    height, width = x.shape[2:]
    if height % scale or width % scale:
        raise ValueError(
            f"found images of {width}x{height} pixels, expected multiples of {scale}; crop them"
        )
    return _bicubic(x, (height // scale, width // scale), _REACH * scale, _REACH)


def enlarge(x: Tensor, scale: int) -> Tensor:
    """Enlarge images (N, C, H, W) in [-1, 1] with a bicubic kernel, the inverse of `shrink`."""
    height, width = x.shape[2:]
    return _bicubic(x, (height * scale, width * scale), _REACH, _REACH * scale)


def margins(
    height: int, width: int, multiple: int, smallest: int
) -> tuple[tuple[int, int, int, int], str]:
    """Return what :func:`pad_to` adds to an image: rows and columns, and how they are made.

    Returns:
        The pixels added at the top, bottom, left and right, and ``reflect`` or ``replicate``.
    """
    wanted = [-(-max(side, smallest) // multiple) * multiple for side in (height, width)]
    top, left = (wanted[0] - height) // 2, (wanted[1] - width) // 2
    bottom, right = wanted[0] - height - top, wanted[1] - width - left
    # Reflection continues textures, but needs as many pixels as it adds.
    reflects = max(top, bottom) < height and max(left, right) < width
    return (top, bottom, left, right), "reflect" if reflects else "replicate"


def pad_to(x: Tensor, multiple: int, smallest: int) -> tuple[Tensor, slice, slice]:
    """Pad images on all sides to the next size that networks accept.

    Args:
        x: Images (N, C, H, W).
        multiple: Height and width become multiples of this.
        smallest: Minimum height and width.

    Returns:
        The padded images, and the rows and columns that hold the original ones.
    """
    height, width = x.shape[2:]
    (top, bottom, left, right), mode = margins(height, width, multiple, smallest)
    if any((top, bottom, left, right)):
        x = pad(x, (left, right, top, bottom), mode)
    return x, slice(top, top + height), slice(left, left + width)


def _bicubic(x: Tensor, size: Size, margin: int, margin_after: int) -> Tensor:
    """Resize images that are extended by mirrored margins, and cut the resized margins off."""
    for axis in (2, 3):
        x = x.index_select(axis, _mirrored(x.shape[axis], margin).to(x.device))
    padded = (size[0] + 2 * margin_after, size[1] + 2 * margin_after)
    # without antialiasing, torch uses another kernel (a = -0.75)
    y = interpolate(x, padded, mode="bicubic", antialias=True)
    rows, columns = (slice(margin_after, margin_after + side) for side in size)
    return from_uint8(to_uint8(y[:, :, rows, columns]))


def _mirrored(length: int, margin: int) -> Tensor:
    """Indices of a row of pixels that is extended by its mirror image on both sides."""
    index = torch.arange(-margin, length + margin) % (2 * length)
    return torch.minimum(index, 2 * length - 1 - index)
