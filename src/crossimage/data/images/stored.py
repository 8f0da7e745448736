"""Whole numbers as files store them: Pillow stretches those of few bits to 8 or 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crossimage.data.images.checks import png
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import upright

WHOLE = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
"""Pillow's modes of images with one channel of whole numbers."""

_MOST = {"L": 255, "I": 65535}
_BITS = 258  # tag of a TIFF
_ORIENTATION = 274


def stored_values(file: ImageFile, image: Image.Image) -> NDArray[Any]:
    """Return the values of an image with one channel as its file stores them.

    Args:
        file: The file.
        image: The image that Pillow opened.

    Returns:
        An upright array (H, W); that of an image with several channels is (H, W, C), and unchanged.
    """
    highest = highest_value(file, image)
    values = np.asarray(image)
    if values.ndim == 2:
        values = upright(values[None], orientation_of(file, image))[0]
    most = _MOST.get(image.mode, 0)
    if not 0 < highest < most:
        return values
    return (values.astype(np.int64) * highest / most).round().astype(np.int64)


def orientation_of(file: ImageFile, image: Image.Image) -> int:
    """Return the EXIF orientation that an image which Pillow opened has yet to be turned by."""
    if image.format == "PNG":
        return png.orientation(file)
    if image.format == "TIFF":  # which Pillow turns
        return 1
    return int(image.getexif().get(_ORIENTATION, 1))


def highest_value(file: ImageFile, image: Image.Image) -> int:
    """Return the number that means white in a PNG, PNM or TIFF that Pillow opened; else 0."""
    if image.format == "PNG" and image.mode == "L":
        return int(2 ** png.depth(file) - 1)
    if image.format == "PPM" and image.mode in ("L", "I"):
        (tile,) = image.tile  # type: ignore[attr-defined]
        return int(tile.args[1]) if isinstance(tile.args, tuple) else _MOST[image.mode]
    if image.format == "TIFF" and image.mode == "L":
        (bits,) = set(image.tag_v2.get(_BITS, (8,)))  # type: ignore[attr-defined]
        return int(2**bits - 1)
    return 0
