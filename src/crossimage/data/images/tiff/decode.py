"""Decode TIFF files that Pillow cannot represent: any channel count, 16 bits, floating point."""

from __future__ import annotations

import math
from contextlib import nullcontext
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tifffile import TiffFile

from crossimage.config import DataRules
from crossimage.data.images import pillow
from crossimage.data.images.colour_profiles import to_srgb
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import (
    Pixels,
    check_finite,
    fill_gaps,
    stretched,
    upright,
)
from crossimage.data.images.quiet import libraries_quiet
from crossimage.data.images.tiff.layout import Layout
from crossimage.utils.reading import open_data

_SILENT = (1, 5, 8, 32773, 32946)  # none, LZW, deflate and PackBits print nothing


def check_page(page: Any) -> None:
    """Check that all strips or tiles of a page are in the file; missing ones would be black.

    Raises:
        ValueError: Some are missing.
    """
    parts, stated = math.prod(page.chunked), len(page.dataoffsets)
    if stated < parts:
        raise ValueError(f"a part of it is missing: it states {stated} of {parts} strips or tiles")
    size = page.parent.filehandle.size
    ends = map(int.__add__, page.dataoffsets, page.databytecounts)
    if any(end > size for end in islice(ends, parts)):
        raise ValueError("a part of it is missing: the file ends before its last strip or tile")


def decode_tiff(
    path: ImageFile, file: TiffFile, layout: Layout, rules: DataRules = 3, profiles: bool = True
) -> Pixels:
    """Decode the image of a layout, upright.

    Args:
        path: The file's name.
        file: The opened file.
        layout: Its layout.
        rules: The rules by which files are read.
        profiles: Whether colours are converted to sRGB.

    Raises:
        ValueError: The compression needs a package that is not installed.
    """
    page = file.series[layout.series].keyframe
    if rules != 1:
        check_page(page)
    try:
        with nullcontext() if page.compression in _SILENT else libraries_quiet():
            values = _decode(file, layout)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return _read_compressed(path, layout, rules, profiles)
    if layout.channels_last:
        values = values.reshape(layout.height, layout.width, layout.channels)
        values = values.transpose(2, 0, 1)
    else:
        values = values.reshape(layout.channels, layout.height, layout.width)
    return as_pixels(values, path, layout, rules, profiles)


def as_pixels(
    values: NDArray[Any],
    path: ImageFile,
    layout: Layout,
    rules: DataRules,
    profiles: bool = True,
    *,
    part: bool = False,
) -> Pixels:
    """Return decoded values (C, H, W) of an image as upright pixels.

    Args:
        values: The values, all or some rows of them.
        path: The file's name.
        layout: Its layout.
        rules: The rules by which files are read.
        profiles: Whether colours are converted to sRGB.
        part: Whether they are a part of the image, in which all pixels may be gaps.
    """
    empty = _equal(values, layout.nodata)
    stretch, mirror, colours = 1.0, None, layout.channels - layout.alpha
    if layout.bits and values.dtype in (np.uint8, np.uint16):
        values, stretch = stretched(values, layout.bits)
    if values.dtype not in (np.uint8, np.uint16):
        values = values.astype(np.float32)
        if layout.inverted and rules != 1:
            mirror = 0.0
            values[:colours] *= -1
    elif layout.inverted:
        most = np.iinfo(values.dtype).max
        mirror = float(most)
        values = np.concatenate([most - values[:colours], values[colours:]])
    if layout.premultiplied:
        values = _straight(values)
    values = np.ascontiguousarray(upright(values, layout.orientation))
    pixels = Pixels(torch.from_numpy(values), layout.alpha)
    if rules == 1:
        return check_finite(pixels, path)
    if empty is not None:
        empty = np.ascontiguousarray(upright(empty[None], layout.orientation)[0])
    pixels = fill_gaps(pixels, path, empty, layout.nodata, part=part)
    stretch = stretch if values.dtype == np.uint16 else 1.0
    pixels = pixels._replace(stretch=stretch, mirror=mirror)
    return to_srgb(pixels, layout.profile if profiles else None, path)


def _decode(file: TiffFile, layout: Layout) -> NDArray[Any]:
    """Decode the values of an image, but no more of its series than is needed."""
    series = file.series[layout.series]
    first = series.pages[0]
    alone = layout.index and all(
        i == 0 or axis in "YXS" for axis, i in zip(series.axes, layout.index, strict=True)
    )
    if alone and first is not None and 0 in layout.index:
        page: NDArray[Any] = first.asarray()
        return page
    whole: NDArray[Any] = series.asarray()
    return whole[layout.index] if layout.index else whole


def _equal(values: NDArray[Any], nodata: float | None) -> NDArray[np.bool_] | None:
    """Return which pixels (H, W) hold the no-data value."""
    if nodata is None or math.isnan(nodata):
        return None
    if values.dtype.kind in "ui":
        limits = np.iinfo(values.dtype)
        if not (limits.min <= nodata <= limits.max and nodata == int(nodata)):
            return None
    empty: NDArray[np.bool_] = (values == values.dtype.type(nodata)).all(0)
    return empty


def _straight(values: NDArray[Any]) -> NDArray[Any]:
    """Divide colours (C, H, W) by the opacity with which they were multiplied."""
    colours, opacity = values[:-1].astype(np.float64), values[-1:].astype(np.float64)
    most = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1.0
    colours = np.divide(colours * most, opacity, out=np.zeros_like(colours), where=opacity > 0)
    if values.dtype.kind == "u":
        colours = colours.round().clip(0, most)
    return np.concatenate([colours.astype(values.dtype), values[-1:]])


def _read_compressed(path: ImageFile, layout: Layout, rules: DataRules, profiles: bool) -> Pixels:
    kept = 1 if layout.channels > 1 else 2  # bytes per value that Pillow keeps
    if layout.dtype.kind != "u" or layout.dtype.itemsize > kept:
        raise ValueError("its compression needs another package; pip install imagecodecs")
    with open_data(path) as data, Image.open(data, formats=("TIFF",)) as image:
        image.seek(layout.page)
        with libraries_quiet():
            pixels = pillow.read(path, image, rules=rules, profiles=profiles)
    if rules == 1:
        return pixels
    return fill_gaps(pixels, path, _equal(pixels.values.numpy(), layout.nodata), layout.nodata)
