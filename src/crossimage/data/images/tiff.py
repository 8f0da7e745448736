"""TIFF files that Pillow cannot represent: any channel count, 16 bits, floating point."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tifffile import TiffFile

from crossimage.data.images import pillow
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import (
    MODES,
    ImageInfo,
    Pixels,
    check_finite,
    check_size,
    upright,
)

# a damaged file is reported once, by the caller
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ORIENTATION = 274
_BITS = {"uint8": "8-bit", "uint16": "16-bit"}


@dataclass(frozen=True)
class Layout:
    """How a TIFF file stores its values, according to its header.

    Attributes:
        height: Rows as stored, before the orientation is applied.
        width: Columns as layout.
        channels: Values per pixel.
        channels_last: Whether the channels are the last of three axes.
        dtype: Type of the values.
        alpha: Whether the last channel is opacity.
        inverted: Whether zero is white.
        orientation: The EXIF number, 1 to 8.
    """

    height: int
    width: int
    channels: int
    channels_last: bool
    dtype: np.dtype[Any]
    alpha: bool
    inverted: bool
    orientation: int


def read_layout(file: TiffFile) -> Layout | None:
    """Describe a file's first image without decoding it.

    Returns:
        The layout, or None for types that Pillow reads as well or better: palettes, CMYK, YCbCr,
        packed bits.

    Raises:
        ValueError: The file holds a stack of images.
    """
    series = file.series[0]
    page = series.keyframe
    plain = page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    if not plain or series.dtype is None or series.dtype.kind not in "uif":
        return None
    axes = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if n > 1 or a in "YXS"]
    names, sizes = [axis for axis, _ in axes], [size for _, size in axes]
    if len(sizes) not in (2, 3):
        raise ValueError(f"it is a stack of shape {tuple(series.shape)}, not one image")
    if len(sizes) == 2:
        channels, channels_last = 1, False
        height, width = sizes
    else:
        # if the file does not say which axis holds the channels, it is the shorter one
        channels_last = names[2] == "S" or (names[0] == "Q" and sizes[2] < sizes[0])
        channels, height, width = (sizes[2], *sizes[:2]) if channels_last else sizes
    orientation = page.tags.get(_ORIENTATION)
    return Layout(
        height=height,
        width=width,
        channels=channels,
        channels_last=channels_last,
        dtype=np.dtype(series.dtype),
        alpha=channels in (2, 4) and [int(e) for e in page.extrasamples] in ([1], [2]),
        inverted=page.photometric == _WHITE_IS_ZERO,
        orientation=int(orientation.value) if orientation else 1,
    )


def info(path: ImageFile, layout: Layout) -> ImageInfo:
    """Describe an image from its layout; raise BombError if it is too large."""
    # many channels are as large as many pixels
    check_size(path, layout.width, layout.height * max(1, layout.channels // 4))
    sides = (layout.width, layout.height)
    width, height = sides[::-1] if layout.orientation > 4 else sides
    named = layout.alpha or layout.channels in (1, 3)
    mode = MODES[layout.channels] if named else f"{layout.channels} channels"
    depth = _BITS.get(layout.dtype.name, layout.dtype.name)
    return ImageInfo(width, height, layout.channels, mode, depth)


def read(path: ImageFile, file: TiffFile, layout: Layout) -> Pixels:
    """Decode a file's first image, upright.

    Raises:
        ValueError: The compression needs a package that is not installed.
    """
    try:
        values: NDArray[Any] = file.series[0].asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return _read_compressed(path, layout)
    if layout.channels_last:
        values = values.reshape(layout.height, layout.width, layout.channels)
        values = values.transpose(2, 0, 1)
    else:
        values = values.reshape(layout.channels, layout.height, layout.width)
    if values.dtype not in (np.uint8, np.uint16):
        values = values.astype(np.float32)
    elif layout.inverted:
        values = np.iinfo(values.dtype).max - values
    values = np.ascontiguousarray(upright(values, layout.orientation))
    return check_finite(Pixels(torch.from_numpy(values), layout.alpha), path)


def _read_compressed(path: ImageFile, layout: Layout) -> Pixels:
    kept = 1 if layout.channels > 1 else 2  # bytes per value that Pillow does not cut
    if layout.dtype.kind != "u" or layout.dtype.itemsize > kept:
        raise ValueError("its compression needs another package; pip install imagecodecs")
    with path.open("rb") as data, Image.open(data, formats=("TIFF",)) as image:
        return pillow.read(path, image)
