"""Encode TIFF files of any depth and channel count, with descriptions and geo tags."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from crossimage.data.images.metadata import (
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    Metadata,
    joined_texts,
)
from crossimage.data.images.tiff.layout import NODATA

_DESCRIPTION, _SOFTWARE, _XMP = 270, 305, 700
_GROUPS = (int(ExifTags.IFD.Exif), int(ExifTags.IFD.GPSInfo))
_OWN = (_DESCRIPTION, _SOFTWARE, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, *_GROUPS)
_GEO_KEYS = 34735
_WHOLE = {"H": range(2**16), "I": range(2**32), "i": range(-(2**31), 0)}
"""The whole numbers that types of tags hold."""

ExtraTag = tuple[int, str, int, Any, bool]


BIG_LOST = "camera data (EXIF) is left out of results so large that they are BigTIFF files"
_CLASSIC = 2**32 - 2**25
"""Bytes of pixels from which files are BigTIFFs."""
_STRIP = 2**20  # bytes per strip of images that are written strip by strip


def is_big(shape: tuple[int, int, int], dtype: DTypeLike) -> bool:
    """Return whether an image (H, W, C) needs a BigTIFF."""
    return math.prod(shape) * np.dtype(dtype).itemsize > _CLASSIC


def rows_per_strip(shape: tuple[int, int, int], dtype: DTypeLike) -> int:
    """Return the rows of each array that :func:`write_tiff` takes for an image (H, W, C)."""
    return min(shape[0], max(1, _STRIP // (shape[1] * shape[2] * np.dtype(dtype).itemsize)))


def write_tiff(
    file: IO[bytes],
    values: NDArray[Any] | Iterator[NDArray[Any]],
    shape: tuple[int, int, int],
    dtype: DTypeLike,
    metadata: Metadata,
    profile: bytes | None = None,
    alpha: bool = False,
    nodata: float | None = None,
) -> None:
    """Write an image as a TIFF file, or as a BigTIFF if it needs one.

    Args:
        file: An empty file, open for reading and writing.
        values: Values (H, W, C) of any type, or those of :func:`rows_per_strip` rows at a time.
        shape: H, W and C.
        dtype: Type of the values.
        metadata: What else the file holds; BigTIFFs do not hold groups of tags, such as those of
            cameras.
        profile: The colour profile.
        alpha: Whether the last channel is opacity.
        nodata: The no-data value to state.
    """
    height, width, channels = shape
    colours, big = channels - alpha, is_big(shape, dtype)
    exif = metadata.exif_for(height, width)
    groups = {code: dict(exif.get_ifd(code)) for code in _GROUPS}
    groups = {code: entries for code, entries in groups.items() if entries and not big}
    tags = [*_descriptions(exif), *_geo_tags(metadata)]
    # tifffile leaves out these tags; they are written under the numbers before theirs
    tags += [(code - 1, "I", 1, 0, True) for code in groups]
    if metadata.xmp:
        tags.append((_XMP, "B", len(metadata.xmp), metadata.xmp, True))
    if nodata is not None:
        text = "nan" if math.isnan(nodata) else f"{nodata:.17g}"
        tags.append((NODATA, "s", 0, text, True))
    options: dict[str, Any] = {}
    if not isinstance(values, np.ndarray):
        options["rowsperstrip"] = rows_per_strip(shape, dtype)
    elif channels == 1:
        values = values[:, :, 0]
    # files with temporary names are known to tifffile by their number
    handle = tifffile.FileHandle(file, name="result.tif")
    tifffile.imwrite(
        handle,
        values,
        bigtiff=big,
        shape=shape[:2] if channels == 1 else shape,
        dtype=dtype,
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=_extra(channels, colours, alpha),
        description=_text(exif.get(_DESCRIPTION) or joined_texts(metadata.texts)),
        software=_text(exif.get(_SOFTWARE)) or False,
        resolution=metadata.dpi,
        resolutionunit="inch" if metadata.dpi else None,
        iccprofile=profile,
        metadata=None,
        extratags=tags,
        **options,
    )
    _add_groups(file, groups)


def _extra(channels: int, colours: int, alpha: bool) -> list[str] | None:
    if alpha:
        return ["unassalpha"]
    beyond = channels - (3 if colours == 3 else 1)
    return ["unspecified"] * beyond if beyond else None


def _text(value: Any) -> bytes | None:
    """Return a text as a tag holds it: ASCII, or UTF-8 where that does not suffice."""
    return str(value).rstrip("\0").encode() if value else None


def _descriptions(exif: Image.Exif) -> list[ExtraTag]:
    tags: list[ExtraTag] = []
    for code, value in exif.items():
        if code in _OWN:
            continue
        if isinstance(value, bytes):
            tags.append((code, "B", len(value), value, True))
        elif isinstance(value, int):
            if kind := next((kind for kind, held in _WHOLE.items() if value in held), None):
                tags.append((code, kind, 1, value, True))
        elif isinstance(value, str) and (text := _text(value)):
            tags.append((code, "s", 0, text, True))
    return tags


def _geo_tags(metadata: Metadata) -> list[ExtraTag]:
    tags: list[ExtraTag] = []
    for code, values in metadata.geo:
        if isinstance(values, str):
            tags.append((code, "s", 0, values, True))
        else:
            tags.append((code, "H" if code == _GEO_KEYS else "d", len(values), values, True))
    return tags


def _add_groups(file: IO[bytes], groups: dict[int, dict[int, Any]]) -> None:
    """Append groups of tags, such as those of a camera, and point to them."""
    for code, values in groups.items():
        file.seek(0)
        with tifffile.TiffFile(tifffile.FileHandle(file, name="result.tif")) as opened:
            tag, order = opened.pages[0].tags[code - 1], opened.byteorder  # type: ignore[union-attr]
            at, value_at = tag.offset, tag.valueoffset
        end = file.seek(0, 2)
        end += file.write(b"\0" * (end % 2))
        head = b"II*\0\0\0\0\0" if order == "<" else b"MM\0*\0\0\0\0"
        group = ImageFileDirectory_v2(head, group=code)
        for name, value in values.items():
            group[name] = value
        file.write(group.tobytes(end))
        for position, number in (
            (at, struct.pack(f"{order}H", code)),
            (value_at, struct.pack(f"{order}I", end)),
        ):
            file.seek(position)
            file.write(number)
