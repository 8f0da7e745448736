"""TIFF files that Pillow can't hold: any channel count, 16 bits, floating point."""

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
from crossimage.data.images.pixels import MODES, ImageInfo, Pixels, check_finite, check_size

# A damaged file is reported once, by whoever asked for it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ORIENTATION = 274
_BITS = {"uint8": "8-bit", "uint16": "16-bit"}


@dataclass(frozen=True)
class Layout:
    """How a file's values are arranged, from its header.

    Attributes:
        height: Rows as stored, before the orientation is applied.
        width: Columns as stored.
        channels: Values a pixel.
        channels_last: The channels are the innermost of three axes.
        dtype: Kind of the values.
        alpha: The last channel is opacity.
        inverted: Zero is white.
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


def layout(file: TiffFile) -> Layout | None:
    """Describe a file's first picture without decoding it.

    Returns:
        The layout, or None for the kinds that Pillow reads as well or better: palettes, CMYK,
        YCbCr, packed bits.

    Raises:
        ValueError: The file holds a stack of pictures.
    """
    series = file.series[0]
    page = series.keyframe
    plain = page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    if not plain or series.dtype is None or series.dtype.kind not in "uif":
        return None
    axes = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if n > 1 or a in "YXS"]
    names, sizes = [axis for axis, _ in axes], [size for _, size in axes]
    if len(sizes) not in (2, 3):
        raise ValueError(f"it is a stack of shape {tuple(series.shape)}, not one picture")
    if len(sizes) == 2:
        channels, channels_last = 1, False
        height, width = sizes
    else:
        # Arrays saved without saying which axis holds the channels: it is the shorter one.
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


def info(path: ImageFile, picture: Layout) -> ImageInfo:
    """Describe a picture from its header; raises BombError where it is too large."""
    # Many channels are as heavy as many pixels.
    check_size(path, picture.width, picture.height * max(1, picture.channels // 4))
    sides = (picture.width, picture.height)
    width, height = sides[::-1] if picture.orientation > 4 else sides
    named = picture.alpha or picture.channels in (1, 3)
    mode = MODES[picture.channels] if named else f"{picture.channels} channels"
    depth = _BITS.get(picture.dtype.name, picture.dtype.name)
    return ImageInfo(width, height, picture.channels, mode, depth)


def read(path: ImageFile, file: TiffFile, picture: Layout) -> Pixels:
    """Decode a file's first picture, upright.

    Raises:
        ValueError: The compression needs a package that is not installed.
    """
    try:
        values: NDArray[Any] = file.series[0].asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return _read_compressed(path, picture)
    if picture.channels_last:
        values = values.reshape(picture.height, picture.width, picture.channels)
        values = values.transpose(2, 0, 1)
    else:
        values = values.reshape(picture.channels, picture.height, picture.width)
    if values.dtype not in (np.uint8, np.uint16):
        values = values.astype(np.float32)
    elif picture.inverted:
        values = np.iinfo(values.dtype).max - values
    values = np.ascontiguousarray(_upright(values, picture.orientation))
    return check_finite(Pixels(torch.from_numpy(values), picture.alpha), path)


def _read_compressed(path: ImageFile, picture: Layout) -> Pixels:
    kept = 1 if picture.channels > 1 else 2  # bytes a value that Pillow doesn't cut
    if picture.dtype.kind != "u" or picture.dtype.itemsize > kept:
        raise ValueError("its compression needs a further package; pip install imagecodecs")
    with path.open("rb") as data, Image.open(data, formats=("TIFF",)) as image:
        return pillow.read(path, image)


def _upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
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
