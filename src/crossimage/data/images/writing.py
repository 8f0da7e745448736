"""Write image files of any depth, with what they keep of their inputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from crossimage.data.images.codecs import deep_png
from crossimage.data.images.colour_profiles import standard_profile
from crossimage.data.images.formats import (
    DEEP,
    EXTENSIONS,
    MOST,
    TIFF,
    WITH_OPACITY,
    Depth,
    whole_range,
)
from crossimage.data.images.metadata import MAKER_NOTE, Metadata, joined_texts
from crossimage.data.images.tiff.writing import rows_per_strip, write_tiff
from crossimage.utils.intensities import to_uint8

_FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP",
}  # fmt: skip
# All chroma is kept: half of it costs ten times as much precision as the quality of 95.
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True, "exact": True},
}
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_DTYPES: dict[Depth, Any] = {"8": np.uint8, "16": np.uint16, "float": np.float32}

Rows = tuple[Tensor, Tensor | None, Tensor | None]
"""Some rows of an image: values (C, h, W), opacity (1, h, W), and gaps (h, W)."""
_MAX_EXIF = 65_000  # bytes, in a JPEG
_MAX_DPI = {"JPEG": 2**16 - 1, "PNG": 2**25, "BMP": 2**25}  # that a file has room for


def fill_image(
    file: IO[bytes],
    path: str | Path,
    x: Tensor,
    value_range: tuple[float, float] | None = None,
    gaps: Tensor | None = None,
    nodata: float | None = None,
    *,
    depth: Depth | None = None,
    alpha: Tensor | None = None,
    metadata: Metadata | None = None,
) -> None:
    """Write an image to an open file in the format of its suffix.

    Colours are sRGB, and the file says so. JPEGs have a quality of 95 and all of their chroma
    (4:4:4); WebP files are lossless.

    Args:
        file: The file, which can be sought.
        path: Its name, which has the suffix and stands in messages.
        x: Float tensor (C, H, W) in [-1, 1]; values outside are clipped.
        value_range: The values of -1 and 1 in files of more than 8 bits; by default these are in
            [-1, 1] in floating-point files, and use the full range of 16 bits.
        gaps: Which pixels (H, W) hold no value. TIFF files mark them with ``nodata``, if their
            depth can hold it, and others do not.
        nodata: The no-data value; None: NaN.
        depth: How values are stored. By default TIFF files hold float32 values if ``value_range``
            is given or the image does not have 1, 3 or 4 channels, and all other files hold 8 bits.
        alpha: Opacity (1, H, W) in [-1, 1], for images of 1 or 3 channels.
        metadata: What else the file shall hold.

    Raises:
        ValueError: The suffix is unknown, or its format cannot hold that many channels, opacity or
            that depth.
        OSError: The file cannot be written.
    """
    rows = iter([(x, alpha, gaps)])
    shape = (len(x), x.shape[1], x.shape[2])
    fill_rows(
        file, path, rows, shape, value_range, gaps is not None, nodata, depth=depth,
        alpha=alpha is not None, metadata=metadata,
    )  # fmt: skip


def fill_rows(
    file: IO[bytes],
    path: str | Path,
    rows: Iterator[Rows],
    shape: tuple[int, int, int],
    value_range: tuple[float, float] | None = None,
    gaps: bool = False,
    nodata: float | None = None,
    *,
    depth: Depth | None = None,
    alpha: bool = False,
    metadata: Metadata | None = None,
) -> None:
    """Write an image to an open file like :func:`fill_image`, from some rows after the other.

    TIFF files are written as the rows come, and all others at the end, from their values.

    Args:
        file: The file, which can be sought.
        path: Its name, which has the suffix and stands in messages.
        rows: Some rows after the other, from the first to the last.
        shape: C, H and W of the image.
        value_range: As for :func:`fill_image`.
        gaps: Whether there may be pixels without a value.
        nodata: As for :func:`fill_image`.
        depth: As for :func:`fill_image`.
        alpha: Whether there is opacity.
        metadata: As for :func:`fill_image`.

    Raises:
        ValueError: As for :func:`fill_image`.
        OSError: The file cannot be written.
    """
    path, metadata = Path(path), metadata or Metadata()
    suffix, channels = path.suffix.lower(), shape[0] + alpha
    if suffix not in EXTENSIONS:
        raise ValueError(f"{path} has no known suffix; expected one of {', '.join(EXTENSIONS)}")
    if depth is None:
        floating = suffix in TIFF and (value_range is not None or channels not in (1, 3, 4))
        depth = "float" if floating and not alpha else "8"
    _check(path, suffix, shape[0], alpha, depth)
    marked = gaps and holds_gaps(suffix, depth, nodata)
    missing = math.nan if nodata is None else nodata
    arrays = (_marked_array(each, depth, value_range, missing if marked else None) for each in rows)
    opaque = shape[0] - (shape[0] == 4)
    profile = None
    if depth != "float" and not (value_range is not None and opaque == 1):
        profile = metadata.profile or standard_profile(opaque)
    size, dtype = (shape[1], shape[2], channels), _DTYPES[depth]
    if suffix in TIFF:
        stated = missing if gaps else nodata
        write_tiff(
            file, _in_strips(arrays, size, dtype), size, dtype, metadata, profile,
            alpha or shape[0] == 4, stated if marked or depth == "float" else None,
        )  # fmt: skip
    else:
        joined = _joined_rows(arrays, size, dtype)
        file.write(_encode(joined, _FORMATS[suffix], metadata, profile))


def _marked_array(
    rows: Rows, depth: Depth, value_range: tuple[float, float] | None, missing: float | None
) -> NDArray[Any]:
    """Return the values (h, W, C) that a file stores, with its no-data value in the gaps."""
    x, alpha, gaps = rows
    array = _array(x, alpha, depth, value_range)
    if missing is not None:
        none = np.zeros(array.shape[:2], bool)
        _mark(array, none if gaps is None else gaps.cpu().numpy(), missing)
    return array


def _in_strips(
    arrays: Iterator[NDArray[Any]], size: tuple[int, int, int], dtype: DTypeLike
) -> NDArray[Any] | Iterator[NDArray[Any]]:
    """Return arrays of rows as a TIFF is written: the whole image, or in even strips."""
    first = next(arrays)
    if len(first) == size[0]:
        return first
    return _even(chain([first], arrays), rows_per_strip(size, dtype))


def _even(arrays: Iterable[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Yield the same rows, a number of them at a time."""
    waiting: list[NDArray[Any]] = []
    for array in arrays:
        waiting.append(array)
        while sum(map(len, waiting)) >= rows:
            joined = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
            yield np.ascontiguousarray(joined[:rows])
            waiting = [joined[rows:]] if len(joined) > rows else []
    if waiting:
        yield np.concatenate(waiting)


def _joined_rows(
    arrays: Iterator[NDArray[Any]], size: tuple[int, int, int], dtype: DTypeLike
) -> NDArray[Any]:
    first = next(arrays)
    if len(first) == size[0]:
        return first
    whole = np.empty(size, dtype)
    top = 0
    for array in chain([first], arrays):
        whole[top : top + len(array)] = array
        top += len(array)
    return whole


def holds_gaps(suffix: str, depth: Depth, nodata: float | None) -> bool:
    """Return whether a file can tell pixels that hold no value.

    Args:
        suffix: Its suffix.
        depth: How it stores values.
        nodata: The no-data value; None: NaN.
    """
    if suffix not in TIFF or depth == "float":
        return suffix in TIFF
    most = MOST if depth == "16" else 255
    return nodata is not None and 0 <= nodata <= most and nodata == int(nodata)


def _mark(array: NDArray[Any], gaps: NDArray[np.bool_], nodata: float) -> None:
    """Give pixels without a value the no-data value, and whole numbers elsewhere another one."""
    if array.dtype.kind == "u":
        array[array == nodata] = nodata - 1 if nodata else 1
    array[gaps] = nodata


def lost_metadata(suffix: str, metadata: Metadata) -> str | None:
    """Return what a format can't hold of metadata; None if it holds everything."""
    if suffix in TIFF:
        return None
    kind, most = _FORMATS[suffix], _MAX_EXIF
    lost, long = [], []
    if metadata.geo:
        lost.append("the tags of its place on the map")
    if metadata.exif:
        exif = metadata.exif_for(1, 1)
        whole = len(exif.tobytes())
        if kind == "BMP":
            lost.append("its camera data (EXIF)")
        elif kind == "JPEG" and whole > most:
            kept = _exif_bytes(exif, most)
            long.append("the camera's own notes" if kept else "its camera data (EXIF)")
    if metadata.xmp and (kind == "BMP" or (kind == "JPEG" and len(metadata.xmp) > most)):
        (lost if kind == "BMP" else long).append("its XMP")
    if metadata.texts and kind in ("BMP", "WEBP"):
        lost.append("its texts and comments")
    elif kind == "JPEG" and len(joined_texts(metadata.texts).encode()) > most:
        long.append("the end of its texts")
    parts = [f"{' and '.join(lost)}, which {suffix} files do not hold"] * bool(lost)
    parts += [f"{' and '.join(long)}, since {suffix} files hold up to 65 kB"] * bool(long)
    return f"left out: {', and '.join(parts)}" if parts else None


def _check(path: Path, suffix: str, channels: int, alpha: bool, depth: Depth) -> None:
    if suffix not in TIFF and channels not in ((1, 3, 4) if suffix in WITH_OPACITY else (1, 3)):
        able = ".png, .webp or .tif" if channels == 4 else ".tif"
        raise ValueError(f"{path}: {suffix} can't hold {channels} channels; use {able}")
    if alpha and (suffix not in WITH_OPACITY or channels not in (1, 3)):
        raise ValueError(f"{path}: {suffix} can't hold opacity; use .png, .webp or .tif")
    types = {"8": EXTENSIONS, "16": DEEP, "float": TIFF}[depth]
    if suffix not in types:
        raise ValueError(f"{path}: {suffix} can't hold this depth; use {' or '.join(types)}")


def _array(
    x: Tensor, alpha: Tensor | None, depth: Depth, value_range: tuple[float, float] | None
) -> NDArray[Any]:
    """Return the values (H, W, C) that a file stores."""
    x = x.detach().float().cpu()
    if depth == "8":
        whole = to_uint8(x if alpha is None else torch.cat([x, alpha.detach().float().cpu()]))
        return np.ascontiguousarray(whole.permute(1, 2, 0).numpy())
    opacity = None if alpha is None else alpha.detach().float().cpu().clamp(-1, 1).add(1).div(2)
    if depth == "16":
        low, high = whole_range(value_range)
        values = (x.clamp(-1, 1).add(1) * ((high - low) / 2) + low).round()
        return _joined(values, None if opacity is None else (opacity * MOST).round(), np.uint16)
    low, high = value_range or (-1.0, 1.0)
    scaled = x.clamp(-1, 1).add(1).mul((high - low) / 2).add(low)
    return _joined(scaled, opacity, np.float32)


def _joined(values: Tensor, opacity: Tensor | None, dtype: Any) -> NDArray[Any]:
    joined = values if opacity is None else torch.cat([values, opacity])
    return np.ascontiguousarray(joined.permute(1, 2, 0).numpy().astype(dtype))


def _encode(
    array: NDArray[Any], image_format: str, metadata: Metadata, profile: bytes | None
) -> bytes:
    """Encode values as a JPEG, PNG, WebP or BMP."""
    height, width, channels = array.shape
    exif = metadata.exif_for(height, width)
    if image_format == "PNG" and array.dtype == np.uint16:
        return deep_png.encode(
            array, _png_texts(metadata), profile=profile, dpi=metadata.dpi,
            exif=(_exif_bytes(exif) or b"").removeprefix(b"Exif\0\0"),
        )  # fmt: skip
    options: dict[str, Any] = dict(_OPTIONS.get(image_format, {}))
    if metadata.dpi and max(metadata.dpi) <= _MAX_DPI.get(image_format, 0):
        options["dpi"] = metadata.dpi
    if image_format != "BMP":
        if profile:
            options["icc_profile"] = profile
        most = _MAX_EXIF if image_format == "JPEG" else None
        if data := _exif_bytes(exif, most):
            options["exif"] = data
    if image_format == "PNG":
        options["pnginfo"] = _png_texts(metadata)
    elif metadata.xmp and (
        image_format == "WEBP" or (image_format == "JPEG" and len(metadata.xmp) <= _MAX_EXIF)
    ):
        options["xmp"] = metadata.xmp
    if image_format == "JPEG" and metadata.texts:
        options["comment"] = joined_texts(metadata.texts).encode()[:_MAX_EXIF]
    image = Image.fromarray(array[:, :, 0] if channels == 1 else array, _MODES[channels])
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _png_texts(metadata: Metadata) -> PngInfo:
    texts = PngInfo()
    for key, text in metadata.texts:
        latin = all(ord(letter) < 256 for letter in key + text)
        if latin:
            texts.add_text(key, text)
        else:
            texts.add_itxt(key, text)
    if metadata.xmp:
        texts.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return texts


def _exif_bytes(exif: Image.Exif, most: int | None = None) -> bytes | None:
    """Return EXIF data of a length, without the camera's own notes if need be; None if none."""
    data = exif.tobytes() if len(exif) else b""
    if most is not None and len(data) > most:
        camera = dict(exif.get_ifd(ExifTags.IFD.Exif))
        camera.pop(MAKER_NOTE, None)
        exif[ExifTags.IFD.Exif] = camera
        data = exif.tobytes()
        data = data if len(data) <= most else b""
    return data or None
