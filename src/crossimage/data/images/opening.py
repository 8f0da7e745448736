"""Open image files of any format: check them, read their headers, and name them in errors."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import tifffile
from PIL import Image, UnidentifiedImageError

from crossimage.config import DataRules
from crossimage.data.images import pillow
from crossimage.data.images.checks.pieces import open_piecewise
from crossimage.data.images.checks.regular import check_regular
from crossimage.data.images.checks.size import pillow_limit, too_large
from crossimage.data.images.checks.tiff_pages import check_pages
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.formats import HEAD, format_of
from crossimage.data.images.pixels import BombError, ImageError, ImageInfo, Pixels
from crossimage.data.images.quiet import libraries_quiet
from crossimage.data.images.tiff.decode import decode_tiff
from crossimage.data.images.tiff.layout import checked_info, read_layout
from crossimage.data.shards.index import find_member
from crossimage.data.stores.addresses import LostStoreError
from crossimage.utils.memory import is_out_of_memory
from crossimage.utils.reading import FailedReadError, open_data, reads_noticed

Size = tuple[int, int]
"""Height and width."""

_TIFF = (".tif", ".tiff")
_UNKNOWN = "it is not an image of a known format"
_COLOUR_PFM = b"PF"
_NUMBER = re.compile(r"\d+")


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
                    layout = read_layout(tiff_file, rules)
                    if layout is not None and layout.plain:
                        yield (
                            checked_info(path, layout),
                            lambda _: decode_tiff(path, tiff_file, layout, rules, profiles),
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
