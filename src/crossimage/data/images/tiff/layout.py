"""How TIFF files store the image that is read: any channel count, 16 bits, floating point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from tifffile import TiffFile, TiffPageSeries

from crossimage.config import DataRules
from crossimage.data.images.checks.size import check_sides, check_size
from crossimage.data.images.colour_profiles import problem
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import MODES, ImageInfo

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ORIENTATION, _PROFILE, NODATA = 274, 34675, 42113
_PREMULTIPLIED, _STRAIGHT = 1, 2
_BITS = {"uint8": "8-bit", "uint16": "16-bit"}
_UNNAMED = range(2, 5)  # pages that might be channels as well as images


@dataclass(frozen=True)
class Layout:
    """How a TIFF file stores the image that is read, according to its header.

    Attributes:
        height: Rows as stored, before the orientation is applied.
        width: Columns as stored.
        channels: Values per pixel.
        channels_last: Whether the channels are the last of three axes.
        dtype: Type of the values.
        alpha: Whether the last channel is opacity.
        premultiplied: Whether the colours are multiplied by the opacity.
        inverted: Whether zero is white.
        orientation: The EXIF number, 1 to 8.
        plain: Whether tifffile reads it, not Pillow, which reads palettes, CMYK, YCbCr and packed
            bits.
        series: Index of its series in the file.
        index: Its index in the series, with slices for the axes of the image.
        stacked: Number of images in the part of the file that must be decoded at once.
        page: Index of its first page.
        further: Number of other images in the file.
        nodata: The no-data value, if the file states one.
        profile: The embedded colour profile.
        bits: Bits per value, if these are fewer than those of ``dtype``; otherwise 0.
        kind: What the values are, such as ``palette`` or ``separated`` (CMYK).
    """

    height: int
    width: int
    channels: int
    channels_last: bool
    dtype: np.dtype[Any]
    alpha: bool
    inverted: bool
    orientation: int
    premultiplied: bool = False
    plain: bool = True
    series: int = 0
    index: tuple[int | slice, ...] = ()
    stacked: int = 1
    page: int = 0
    further: int = 0
    nodata: float | None = None
    profile: bytes | None = None
    bits: int = 0
    kind: str = ""

    @property
    def full(self) -> int:
        """Highest value of whole numbers of more than 8 and up to 16 bits."""
        return 2**self.bits - 1 if self.bits > 8 else 65535


def read_layout(file: TiffFile, rules: DataRules = 3) -> Layout | None:
    """Describe the image to read from a file, without decoding it.

    A file's images are its pages; the channels of one image may be separate pages if the file says
    so. The largest image is read; the first, if several are equally large.

    Args:
        file: The opened file.
        rules: The rules by which files are read; 1: always the first image, and any three pages are
            the channels of one.

    Returns:
        The layout; by the earlier rules None for types that Pillow reads.

    Raises:
        ValueError: The file does not say whether its pages are images or channels.
    """
    if rules == 1:
        return _earlier_layout(file)
    number, series = _largest(file)
    page = series.keyframe
    axes = list(zip(series.axes, series.shape, strict=True))
    spatial = {axis: size for axis, size in axes if axis in "YX"}
    if len(spatial) != 2:
        raise ValueError(f"it holds {series.axes} data of shape {tuple(series.shape)}, not images")
    channel_axes = [(axis, size) for axis, size in axes if axis in "SCQ" and size > 1]
    if len(channel_axes) > 1:
        raise ValueError(f"it is a stack of shape {tuple(series.shape)}, not one image")
    unnamed, channels = channel_axes[0] if channel_axes else ("S", 1)
    height, width = spatial["Y"], spatial["X"]
    order = [axis for axis, size in axes if axis in "YX" or (axis, size) in channel_axes]
    channels_last = bool(channel_axes) and order[2] in "SCQ"
    if unnamed == "Q" and width < channels:
        # (rows, columns, channels) that were written as pages of rows
        height, width, channels, channels_last = channels, height, width, True
    elif unnamed == "Q" and channels in _UNNAMED:
        raise ValueError(
            f"it holds {channels} gray pages and does not say whether they are the channels of one "
            "image or separate images; write them as an RGB image or as separate files"
        )
    images = math.prod(size for axis, size in axes if axis not in "YXSCQ")
    whole = bool(channel_axes) and unnamed != "S"
    plain = page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    extra = [int(e) for e in page.extrasamples]
    alpha = channels in MODES and channels % 2 == 0 and extra in ([_PREMULTIPLIED], [_STRAIGHT])
    return Layout(
        height=height,
        width=width,
        channels=channels,
        channels_last=channels_last,
        dtype=np.dtype(series.dtype or np.uint8),
        alpha=alpha,
        premultiplied=alpha and extra == [_PREMULTIPLIED],
        inverted=page.photometric == _WHITE_IS_ZERO,
        orientation=int(_tag(page, _ORIENTATION) or 1),
        plain=plain and series.dtype is not None and series.dtype.kind in "uif",
        series=number,
        index=tuple(
            slice(None) if axis in "YX" or (axis, size) in channel_axes else 0
            for axis, size in axes
        ),
        stacked=images if whole else 1,
        page=page.index if isinstance(page.index, int) else 0,
        further=_count_images(file) - 1,
        nodata=_nodata(page),
        profile=_tag(page, _PROFILE),
        bits=0 if rules < 3 else _packed_bits(page, series.dtype),
        kind=str(getattr(page.photometric, "name", page.photometric)).lower(),
    )


def _packed_bits(page: Any, dtype: Any) -> int:
    """Return the bits of values that are packed, such as 12; 0 if they fill their type."""
    bits = page.bitspersample
    if dtype is None or np.dtype(dtype) not in (np.uint8, np.uint16) or not isinstance(bits, int):
        return 0
    return bits if 1 < bits < 8 * np.dtype(dtype).itemsize else 0


def _earlier_layout(file: TiffFile) -> Layout | None:
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
    return Layout(
        height=height,
        width=width,
        channels=channels,
        channels_last=channels_last,
        dtype=np.dtype(series.dtype),
        alpha=channels in (2, 4)
        and [int(e) for e in page.extrasamples] in ([_PREMULTIPLIED], [_STRAIGHT]),
        inverted=page.photometric == _WHITE_IS_ZERO,
        orientation=int(_tag(page, _ORIENTATION) or 1),
    )


def checked_info(path: ImageFile, layout: Layout) -> ImageInfo:
    """Describe an image from its layout; check its size."""
    check_sides(path, layout.width, layout.height)
    check_size(
        path, layout.width, layout.height,
        layout.channels * layout.stacked * layout.dtype.itemsize,
    )  # fmt: skip
    return info_of(layout)


def info_of(layout: Layout) -> ImageInfo:
    """Describe an image from its layout, whatever its size."""
    sides = (layout.width, layout.height)
    width, height = sides[::-1] if layout.orientation > 4 else sides
    named = layout.alpha or layout.channels in (1, 3)
    mode = MODES[layout.channels] if named else f"{layout.channels} channels"
    depth = _BITS.get(layout.dtype.name, layout.dtype.name)
    colours = layout.channels - layout.alpha
    followed = colours in (1, 3) and layout.dtype in (np.uint8, np.uint16)
    ignored = problem(layout.profile, "L" if colours == 1 else "RGB") if followed else None
    if layout.profile and colours in (1, 3) and not followed:
        ignored = "its values are not of 8 or 16 bits"
    return ImageInfo(
        width, height, layout.channels, mode, depth, further=layout.further,
        ignored_profile=ignored, full=layout.full,
    )  # fmt: skip


def _largest(file: TiffFile) -> tuple[int, TiffPageSeries]:
    """Return the first series with the largest images, preceded by its index."""

    def area(entry: tuple[int, TiffPageSeries]) -> int:
        return int(entry[1].keyframe.imagelength * entry[1].keyframe.imagewidth)

    full = [(i, s) for i, s in enumerate(file.series) if not _is_auxiliary(s)]
    return max(full or enumerate(file.series), key=area)


def _is_auxiliary(series: TiffPageSeries) -> bool:
    """Return whether a series holds masks or smaller versions of other images."""
    return bool(series.keyframe.subfiletype & 0b101)


def _count_images(file: TiffFile) -> int:
    return sum(
        math.prod(n for a, n in zip(s.axes, s.shape, strict=True) if a not in "YXSCQ")
        for s in file.series
        if not _is_auxiliary(s)
    ) or 1  # fmt: skip


def _tag(page: Any, code: int) -> Any:
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def _nodata(page: Any) -> float | None:
    text = _tag(page, NODATA)
    try:
        return None if text is None else float(str(text).strip("\0 "))
    except ValueError:
        return None
