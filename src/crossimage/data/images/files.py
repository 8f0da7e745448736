"""Read image files of any depth and channel count as tensors in [-1, 1]."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from crossimage.config import DataRules
from crossimage.data.images import pillow, tiff
from crossimage.data.images.checks.pieces import open_piecewise
from crossimage.data.images.checks.regular import check_regular
from crossimage.data.images.checks.size import pillow_limit, too_large
from crossimage.data.images.checks.tiff_pages import check_pages
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.flat import flatness
from crossimage.data.images.formats import HEAD, Depth, Opacity, format_of
from crossimage.data.images.pixels import (
    BombError,
    ImageError,
    ImageInfo,
    Pixels,
    convert,
    limits,
    scale,
)
from crossimage.data.images.quiet import libraries_quiet
from crossimage.data.shards.index import find_member
from crossimage.data.stores.addresses import LostStoreError
from crossimage.utils.intensities import from_uint8, to_uint8
from crossimage.utils.memory import is_out_of_memory
from crossimage.utils.reading import FailedReadError, open_data, reads_noticed

Size = tuple[int, int]
"""Height and width."""

_DEPTHS: dict[torch.dtype, Depth] = {torch.uint8: "8", torch.uint16: "16"}

_TIFF = (".tif", ".tiff")
_UNKNOWN = "it is not an image of a known format"
_COLOUR_PFM = b"PF"
_NUMBER = re.compile(r"\d+")


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


def normalise(image: Tensor) -> Tensor:
    """Map a result of :func:`decode` to float32 in [-1, 1]."""
    return image if image.is_floating_point() else from_uint8(image)


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


def from_pil(
    image: Image.Image,
    channels: int = 3,
    value_range: tuple[float, float] | None = None,
    rules: DataRules = 3,
) -> Tensor:
    """Convert a Pillow image to a float32 tensor (channels, H, W) in [-1, 1], upright.

    Args:
        image: An image of any mode.
        channels: Number of channels, as for :func:`read_image`.
        value_range: Lowest and highest value of the modes F and I; other values are clipped.
        rules: The rules by which images are read, as for :func:`read_image`.

    Raises:
        ValueError: The channels cannot be converted, ``value_range`` is needed, or no pixel holds a
            value.
    """
    pixels = pillow.from_image(image, rules)
    return normalise(convert(pixels, channels, value_range, "the image", rules).contiguous())


def from_array(array: NDArray[np.uint8], channels: int = 3) -> Tensor:
    """Convert an array to a float32 tensor (channels, H, W) in [-1, 1].

    Args:
        array: Values (H, W) or (H, W, C); 3 channels are RGB.
        channels: Number of channels, as for :func:`read_image`.

    Raises:
        ValueError: The channels cannot be converted.
    """
    values = torch.from_numpy(np.array(array if array.ndim == 3 else array[:, :, None]))
    pixels = Pixels(values.permute(2, 0, 1), alpha=values.shape[2] in (2, 4))
    return normalise(convert(pixels, channels, None, "the array").contiguous())


def to_array(x: Tensor) -> NDArray[np.uint8]:
    """Convert a float tensor (C, H, W) in [-1, 1] to a uint8 array (H, W, C)."""
    return to_uint8(x).cpu().permute(1, 2, 0).contiguous().numpy()


def to_pil(x: Tensor) -> Image.Image:
    """Convert a float tensor (C, H, W) in [-1, 1] to an 8-bit Pillow image.

    Raises:
        ValueError: The tensor does not have 1, 3 or 4 channels.
    """
    if x.ndim != 3 or x.shape[0] not in (1, 3, 4):
        raise ValueError(
            f"a tensor {tuple(x.shape)} is not an image; expected (C, H, W) with 1, 3 or 4 channels"
        )
    array = to_array(x)
    return Image.fromarray(array[:, :, 0] if x.shape[0] == 1 else array)


def _formats(path: ImageFile, rules: DataRules) -> tuple[str, ...]:
    """Return the formats, in Pillow's names, that a file may have."""
    if rules == 1:
        return ("TIFF",) if path.suffix.lower() in _TIFF else pillow.EARLIER_FORMATS
    with open_data(path) as data:
        head = data.read(HEAD)
    name = format_of(head)
    if name is None:
        raise UnidentifiedImageError
    if head.startswith(_COLOUR_PFM):
        raise ImageError(
            f"{path} can't be read: PFM images with colours are not supported; save it as a "
            "floating-point TIFF"
        )
    if name == "HEIF":
        _register_heif(path)
    return (name,)


def _register_heif(path: ImageFile) -> None:
    try:
        import pillow_heif
    except ImportError:
        raise ImageError(
            f"{path} can't be read: HEIC images need the package pillow-heif; run `pip install "
            "'crossimage[formats]'`, or convert the images to JPEG"
        ) from None
    pillow_heif.register_heif_opener()


def _read_by_pillow(
    path: ImageFile, image: Image.Image, size: Size | None, rules: DataRules, profiles: bool
) -> Pixels:
    with libraries_quiet() if image.format == "TIFF" else nullcontext():
        return pillow.read(path, image, size, rules, profiles)


@contextmanager
def opened(
    file: str | ImageFile, rules: DataRules = 3, profiles: bool = True
) -> Iterator[tuple[ImageInfo, Callable[[Size | None], Pixels]]]:
    """Open a file that was checked; errors name it.

    Args:
        file: An image file, a member of a shard, or such a file in memory.
        rules: The rules by which files are read.
        profiles: Whether colours are converted to sRGB.

    Yields:
        Its header, and a function that decodes it, given the height and width to which it will be
        resized.

    Raises:
        FileNotFoundError: There is no such file.
        ImageError: The file is unreadable, truncated or not a regular file.
        BombError: The header announces too many pixels.
        LostStoreError: The store that holds it can't be reached.
    """
    path = (find_member(file) or Path(file)) if isinstance(file, str) else file
    format_known, layout = "", None
    try:
        check_regular(path)
        with warnings.catch_warnings(), pillow_limit.raised(), reads_noticed():
            # broken metadata and large but acceptable images need no warning
            warnings.simplefilter("ignore")
            formats = _formats(path, rules)
            format_known = formats[0] if len(formats) == 1 else ""
            if formats == ("TIFF",):
                with open_data(path) as data:
                    check_pages(path, data)
                with open_data(path) as data, tifffile.TiffFile(data) as tiff_file:
                    layout = tiff.read_layout(tiff_file, rules)
                    if layout is not None and layout.plain:
                        yield (
                            tiff.info(path, layout),
                            lambda _: tiff.read(path, tiff_file, layout, rules, profiles),
                        )
                        return
            # given a path, Pillow memory-maps some files and gets rotated TIFFs wrong
            with open_piecewise(path) as pieces, Image.open(pieces, formats=formats) as image:
                if layout is not None:
                    image.seek(layout.page)
                header = pillow.info(path, image)
                if layout is not None:
                    header = replace(header, further=layout.further)
                yield (
                    header,
                    lambda size: _read_by_pillow(path, image, size, rules, profiles),
                )
    except (ImageError, BombError, FileNotFoundError, LostStoreError):
        raise
    except FailedReadError as error:
        raise ImageError(str(error)) from None
    except Image.DecompressionBombError as error:
        count = int(_NUMBER.findall(str(error))[0])
        raise too_large(f"{path} has {count:,} pixels", count) from None
    except RecursionError:
        raise ImageError(
            f"{path} can't be read: it is nested too deeply; save it again with an image editor"
        ) from None
    except UnidentifiedImageError:
        what = f"its {format_known} header is damaged" if format_known else _UNKNOWN
        if layout is not None:
            what = (
                f"TIFFs of this kind ({layout.channels} x {layout.dtype} per pixel, stored as "
                f"{layout.kind}) are not supported; save it as gray or RGB"
            )
        raise ImageError(f"{path} can't be read: {what}") from None
    except Exception as error:  # decoders fail in more ways than they document
        if is_out_of_memory(error):
            raise ImageError(
                f"{path} can't be read: it needs more memory than there is; shrink it"
            ) from None
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ImageError(f"{path} can't be read: {reason.splitlines()[0]}") from None
