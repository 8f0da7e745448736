"""Decoded pixels, headers and errors, shared by the readers of image files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossimage.config import DataRules
from crossimage.data.images.encoded import ImageFile
from crossimage.utils.intensities import from_uint8

# Pillow's names of pixel formats by channel count; 2 and 4 include opacity.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

_LUMINANCE = (0.299, 0.587, 0.114)


class ImageError(ValueError):
    """An unreadable or truncated file; the message names the file and the reason."""


class BombError(ValueError):
    """An image with more pixels than are decoded at once."""


Flatness = Literal["blank", "flat channel", "varied"]
"""Whether all channels of an image are constant, some, or none."""


@dataclass(frozen=True)
class ImageInfo:
    """The header of an image file.

    Attributes:
        width: Columns of the upright image.
        height: Rows of the upright image.
        channels: Number of decoded channels, including opacity.
        mode: Pillow's name of the pixel format, or the number of channels of other TIFFs.
        depth: Bit depth, such as ``8-bit``, ``16-bit`` or ``float32``.
        flatness: Flatness of the image, of its left half and of its right half; None if the image
            has not been decoded.
        further: Number of other images in the file.
        ignored_profile: Why the embedded colour profile cannot be used; None if it can,
            or there is none.
        limits: Lowest and highest value of a decoded image of more than 8 bits; otherwise None.
        gaps: Number of pixels without a value, if the image has been decoded.
        full: The value of white in files of more than 8 bits that do not say otherwise.
    """

    width: int
    height: int
    channels: int
    mode: str
    depth: str
    flatness: tuple[Flatness, Flatness, Flatness] | None = field(default=None, compare=False)
    further: int = 0
    ignored_profile: str | None = None
    limits: tuple[float, float] | None = field(default=None, compare=False)
    gaps: int = field(default=0, compare=False)
    full: int = 65535


class Pixels(NamedTuple):
    """A decoded image.

    Attributes:
        values: Tensor (C, H, W) of uint8, uint16, or float32 in the file's own range.
        alpha: Whether the last channel is opacity.
        gaps: Which pixels (H, W) hold no value; None if all do. Their values mean nothing.
        nodata: The no-data value of the file, if it states one.
        stretch: The factor by which values of fewer than 16 bits were stretched to 16.
        mirror: In files whose lowest value is white, the sum of a value here and in the file; None
            in all others.
    """

    values: Tensor
    alpha: bool
    gaps: Tensor | None = None
    nodata: float | None = None
    stretch: float = 1.0
    mirror: float | None = None


def upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation of values (C, H, W)."""
    if orientation in (2, 3):
        values = values[:, :, ::-1]
    if orientation in (3, 4):
        values = values[:, ::-1]
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(1, 2)
    if orientation in (6, 7):
        values = values[:, :, ::-1]
    if orientation in (7, 8):
        values = values[:, ::-1]
    return values


def stretched(values: NDArray[Any], bits: int) -> tuple[NDArray[Any], float]:
    """Spread values of fewer bits over the range of their type; return the factor, too."""
    most, full = 2**bits - 1, int(np.iinfo(values.dtype).max)
    table = (np.arange(most + 1) * (full / most)).round().astype(values.dtype)
    return table[np.minimum(values, most)], full / most


def check_finite(pixels: Pixels, name: str | ImageFile) -> Pixels:
    """Return the pixels; raise :class:`ImageError` if they hold NaN or infinite values."""
    if pixels.values.is_floating_point() and not pixels.values.isfinite().all():
        raise ImageError(f"{name} can't be used: it holds NaN or infinite values")
    return pixels


def fill_gaps(
    pixels: Pixels,
    name: str | ImageFile,
    empty: NDArray[np.bool_] | None = None,
    nodata: float | None = None,
    *,
    part: bool = False,
) -> Pixels:
    """Mark the pixels that are NaN or infinite, or empty, as gaps.

    Args:
        pixels: The decoded image.
        name: Name of the image in error messages.
        empty: Which other pixels (H, W) hold no value.
        nodata: The no-data value of the file.
        part: Whether the image is a part of another, in which all pixels may be gaps.

    Raises:
        ImageError: No pixel holds a value.
    """
    values = pixels.values
    gaps = None if empty is None or not empty.any() else torch.from_numpy(empty)
    if values.is_floating_point() and not values.isfinite().all():
        lost = ~values.isfinite().all(0)
        gaps = lost if gaps is None else gaps | lost
    if gaps is None:
        return pixels
    if gaps.all() and not part:
        raise ImageError(f"{name} can't be used: none of its pixels holds a value")
    filled = values.numpy().copy()  # torch cannot index uint16
    filled[:, gaps.numpy()] = 0
    return pixels._replace(values=torch.from_numpy(filled), gaps=gaps, nodata=nodata)


def limits(pixels: Pixels) -> tuple[float, float] | None:
    """Return the lowest and highest colour value of an image of more than 8 bits; else None."""
    if pixels.values.dtype == torch.uint8:
        return None
    colours = pixels.values[: len(pixels.values) - pixels.alpha].float()
    if pixels.gaps is not None:
        colours = colours[:, ~pixels.gaps]
    low, high = float(colours.min()), float(colours.max())
    if pixels.mirror is not None:
        low, high = pixels.mirror - high, pixels.mirror - low
    if pixels.stretch == 1:
        return low, high
    return float(round(low / pixels.stretch)), float(round(high / pixels.stretch))


def convert(
    pixels: Pixels,
    channels: int,
    value_range: tuple[float, float] | None,
    name: str,
    rules: DataRules = 3,
) -> Tensor:
    """Convert pixels to a number of channels and a known range.

    Args:
        pixels: The decoded image.
        channels: Number of channels to return. Gray, RGB, and both with opacity are converted into
            one another (opacity is composited on white unless 4 channels are returned); other
            counts must match.
        value_range: Lowest and highest value of pixels of more than 8 bits; others are clipped.
            By default the full range of 16 bits.
        name: Name of the image in error messages.
        rules: The rules by which files are read; 1: the range is not that of 16-bit pixels.

    Returns:
        A tensor (channels, H, W): uint8 in 0..255, or float32 in [-1, 1]. Gaps are black.

    Raises:
        ValueError: The channels do not match, or ``value_range`` is needed.
    """
    x = _with_channels(scale(pixels, value_range, name, rules), pixels.alpha, channels, name)
    if pixels.gaps is not None:
        x = x.masked_fill(pixels.gaps, 0 if x.dtype == torch.uint8 else -1)
    return x


def normalise(image: Tensor) -> Tensor:
    """Map a result of :func:`convert` to float32 in [-1, 1]."""
    return image if image.is_floating_point() else from_uint8(image)


def scale(
    pixels: Pixels, value_range: tuple[float, float] | None, name: str, rules: DataRules
) -> Tensor:
    """Return pixels of 8 bits as they are, and all others in [-1, 1].

    Args:
        pixels: The decoded image.
        value_range: As for :func:`convert`.
        name: Name of the image in error messages.
        rules: The rules by which files are read.

    Raises:
        ValueError: ``value_range`` is needed.
    """
    values, alpha = pixels.values, pixels.alpha
    if values.dtype == torch.uint8:
        return values
    full = values.dtype == torch.uint16
    if full and (value_range is None or rules == 1):
        return values.float().div_(32767.5).sub_(1)
    if value_range is None:
        raise ValueError(
            f"{name} holds values of unknown range; set `value_range=low,high` (`--value-range` of "
            "translate) to say which values are black and white, or convert it to 8 or 16 bits"
        )
    low, high = (limit * pixels.stretch for limit in value_range)
    if pixels.mirror is not None:
        low, high = pixels.mirror - high, pixels.mirror - low
    scaled = values.float().sub_(low) if full else values.sub(low)
    scaled = scaled.mul_(2 / (high - low)).sub_(1).clamp_(-1, 1)
    if alpha and full:
        scaled[-1:] = values[-1:].float().div_(32767.5).sub_(1)
    elif alpha and rules != 1 and values[-1].max() <= 1:  # opacity has a range of its own
        scaled[-1:] = values[-1:].clamp(0, 1).mul(2).sub(1)
    return scaled


def _with_channels(values: Tensor, alpha: bool, channels: int, name: str) -> Tensor:
    """Convert gray, RGB, and both with opacity into one another."""
    if values.shape[0] == channels:
        return values
    colours = values.shape[0] - alpha
    if colours not in (1, 3) or channels not in (1, 3, 4):
        raise ValueError(
            f"{name} has {values.shape[0]} channels, expected {channels}; give images with "
            f"{channels}, or train with `channels` set to what the images have"
        )
    if colours == 1 and channels == 3 and not alpha:
        return values.expand(3, -1, -1).contiguous()
    black, white = (0.0, 255.0) if values.dtype == torch.uint8 else (-1.0, 1.0)
    x = values.float()
    colour, opacity = x[:colours], x[colours:]
    if channels < 4 and alpha:
        colour = white + (colour - white) * ((opacity - black) / (white - black))
    if channels == 1 and colours == 3:
        colour = torch.tensordot(torch.tensor([_LUMINANCE]), colour, 1)
    elif channels > 1:
        colour = colour.expand(3, -1, -1)
    if channels == 4:
        colour = torch.cat([colour, opacity if alpha else torch.full_like(x[:1], white)])
    return colour.round().to(torch.uint8) if values.dtype == torch.uint8 else colour.contiguous()
