"""Read image files of any depth and channel count as tensors in [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from crossimage.config import DataRules
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.flat import flatness
from crossimage.data.images.formats import Depth, Opacity
from crossimage.data.images.opening import Size, opened
from crossimage.data.images.pixels import (
    ImageInfo,
    Pixels,
    convert,
    limits,
    normalise,
    scale,
)

_DEPTHS: dict[torch.dtype, Depth] = {torch.uint8: "8", torch.uint16: "16"}


class LoadedImage(NamedTuple):
    """An image and the metadata of its file.

    Attributes:
        values: Float32 tensor (C, H, W) in [-1, 1].
        gaps: Which pixels (H, W) hold no value; None if all do.
        nodata: The no-data value of the file, if it states one.
        further: Number of other images in the file.
        opacity: Tensor (1, H, W) in [-1, 1]; None if the file has none, or the values include it.
        depth: How the file stores its values.
        ignored_profile: Why the embedded colour profile cannot be used; None if it can,
            or there is none.
    """

    values: Tensor
    gaps: Tensor | None
    nodata: float | None
    further: int
    opacity: Tensor | None = None
    depth: Depth = "8"
    ignored_profile: str | None = None


def read_image(
    path: str | ImageFile,
    channels: int = 3,
    value_range: tuple[float, float] | None = None,
    rules: DataRules = 3,
) -> Tensor:
    """Read an image file, whose format is recognised by its content.

    EXIF orientation is honoured, and colours are converted to sRGB by the embedded profile. Gray
    and RGB are converted into one another; opacity is kept for 4 channels and composited on white
    otherwise. Other channel counts must match. Pixels without a value (NaN, or the
    no-data value of the file) become the lowest one. Of several images in a TIFF file the largest
    is read; the first, if several are equally large.

    Args:
        path: An image file, or such a file in memory.
        channels: Number of channels to return.
        value_range: Lowest and highest value of files of more than 8 bits; other values are
            clipped. By default the full range of 16 bits.
        rules: The rules by which files are read; 1 for runs and models of earlier versions.

    Returns:
        A float32 tensor (channels, H, W) in [-1, 1].

    Raises:
        FileNotFoundError: There is no such file.
        ImageError: The file is unreadable or truncated.
        BombError: The header announces too many pixels.
        ValueError: The channels do not match, or ``value_range`` is needed.
    """
    return load_image(path, channels, value_range, rules).values


def load_image(
    path: str | ImageFile,
    channels: int = 3,
    value_range: tuple[float, float] | None = None,
    rules: DataRules = 3,
    opacity: Opacity = "white",
) -> LoadedImage:
    """Read an image file like :func:`read_image`, and return its metadata, too.

    Args:
        path: As for :func:`read_image`.
        channels: As for :func:`read_image`.
        value_range: As for :func:`read_image`.
        rules: As for :func:`read_image`.
        opacity: ``white``: transparent parts are white. ``keep``: likewise, and the opacity is
            returned. ``drop``: colours are read as if they were opaque.
    """
    loaded = load_encoded(path, channels, value_range, rules, opacity)
    return loaded._replace(values=normalise(loaded.values))


def load_encoded(
    path: str | ImageFile,
    channels: int,
    value_range: tuple[float, float] | None,
    rules: DataRules,
    opacity: Opacity,
) -> LoadedImage:
    """Read an image file like :func:`load_image`, but leave the values of 8-bit images as uint8."""
    with opened(path, rules) as (info, read):
        pixels = read(None)
    return from_pixels(pixels, info, channels, value_range, str(path), rules, opacity)


def from_pixels(
    pixels: Pixels,
    info: ImageInfo,
    channels: int,
    value_range: tuple[float, float] | None,
    name: str,
    rules: DataRules,
    opacity: Opacity,
) -> LoadedImage:
    """Convert decoded pixels as :func:`load_encoded` returns them.

    Args:
        pixels: The pixels, of an image or of some of its rows.
        info: The header of the file.
        channels: As for :func:`load_image`.
        value_range: As for :func:`load_image`.
        name: Name of the file.
        rules: As for :func:`load_image`.
        opacity: As for :func:`load_image`.
    """
    depth = _DEPTHS.get(pixels.values.dtype, "float")
    kept = None
    if pixels.alpha and channels < 4 and opacity != "white":
        if opacity == "keep":
            kept = scale(pixels, value_range, name, rules)[-1:]
            kept = normalise(kept.contiguous())
        else:
            pixels = pixels._replace(values=pixels.values[:-1], alpha=False)
    values = convert(pixels, channels, value_range, name, rules).contiguous()
    return LoadedImage(
        values, pixels.gaps, pixels.nodata, info.further, kept, depth, info.ignored_profile
    )


def decode(
    path: str | ImageFile,
    channels: int = 3,
    value_range: tuple[float, float] | None = None,
    target_size: Callable[[int, int], Size] | None = None,
    rules: DataRules = 3,
    profiles: bool = True,
) -> Tensor:
    """Read an image file like :func:`read_image`, but return 8-bit images as they are.

    Args:
        path: As for :func:`read_image`.
        channels: As for :func:`read_image`.
        value_range: As for :func:`read_image`.
        target_size: Returns the height and width to which an image of a given height and width will
            be resized. JPEGs may then be reduced to no less than that, which saves time.
        rules: As for :func:`read_image`.
        profiles: Whether colours are converted to sRGB by the embedded profile; not for label maps,
            whose colours name classes.

    Returns:
        A tensor (channels, H, W) of any memory order: uint8 in 0..255, or float32 in [-1, 1].
    """
    with opened(path, rules, profiles) as (info, read):
        pixels = read(target_size and target_size(info.height, info.width))
    return convert(pixels, channels, value_range, str(path), rules)


def probe(path: str | ImageFile, rules: DataRules = 3) -> ImageInfo:
    """Read only the header of an image file.

    Raises:
        FileNotFoundError: There is no such file.
        ImageError: The header is unreadable.
        BombError: The header announces too many pixels.
    """
    with opened(path, rules) as (info, _):
        return info


def verify(
    path: str | ImageFile,
    rules: DataRules = 3,
    on_image: Callable[[ImageInfo, Pixels], object] | None = None,
) -> ImageInfo:
    """Decode a whole image file and return its header; raise the errors of :func:`read_image`.

    Args:
        path: As for :func:`read_image`.
        rules: As for :func:`read_image`.
        on_image: Receives the header and the pixels.
    """
    with opened(path, rules) as (info, read):
        pixels = read(None)
    if on_image:
        on_image(info, pixels)
    gaps = 0 if pixels.gaps is None else int(pixels.gaps.sum())
    return replace(info, flatness=flatness(pixels), limits=limits(pixels), gaps=gaps)
