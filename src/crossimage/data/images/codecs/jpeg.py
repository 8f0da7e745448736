"""Pixels of JPEGs, and a check that none are missing."""

from __future__ import annotations

import re

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import ImageError
from crossimage.utils.reading import read_data

_COLORSPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_ORIENTATION = 274
_END = b"\xff\xd9"
_LOST = ("premature end", "bad huffman code", "found marker", "corrupt jpeg data")
"""Messages of libjpeg about missing pixels, which it would fill with gray."""
_HARMLESS = "extraneous bytes"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")  # followed by a length, or the end
_FRAME, _SCAN, _LAST = 0xC2, 0xDA, 0xD9  # of progressive JPEGs


def read(path: ImageFile, image: Image.Image) -> NDArray[np.uint8] | None:
    """Decode a JPEG, at the size that Pillow's draft mode has set.

    The pixels are the same as Pillow's, which uses the same library, but fills in missing parts
    silently.

    Args:
        path: The file.
        image: The image that Pillow opened.

    Returns:
        An array (H, W, C) of the image's mode, not turned upright; None for rare kinds, which are
        left to Pillow.

    Raises:
        ImageError: A part of the image is missing or damaged.
    """
    if image.mode not in _COLORSPACES:
        return None
    data = read_data(path)
    if image.info.get("progressive") and not _has_all_scans(data):
        raise ImageError(f"{path} can't be read: a part of it is missing or damaged (lost scans)")
    try:
        values = _decode(data, image)
    except ValueError as error:
        message = str(error).lower()
        if any(sign in message for sign in _LOST):
            raise ImageError(
                f"{path} can't be read: a part of it is missing or damaged ({error})"
            ) from None
        return None
    # like Pillow, treat all CMYK as inverted, as Photoshop writes it
    return 255 - values if image.mode == "CMYK" else values


def read_intact(path: ImageFile, image: Image.Image) -> NDArray[np.uint8] | None:
    """Decode a complete, upright gray or colour JPEG; None for any other.

    By the earlier rules Pillow, which fills in missing parts, reads those.

    Args:
        path: The file.
        image: The image that Pillow opened.
    """
    if image.format != "JPEG" or image.mode not in ("L", "RGB"):
        return None
    if image.getexif().get(_ORIENTATION, 1) != 1:
        return None
    try:
        return _decode(read_data(path), image)
    except ValueError:
        return None


def _decode(data: bytes, image: Image.Image) -> NDArray[np.uint8]:
    """Decode complete data; raise the decoder's ValueError if pixels are missing."""

    def decode(data: bytes, strict: bool) -> NDArray[np.uint8]:
        return simplejpeg.decode_jpeg(
            data, _COLORSPACES[image.mode], fastdct=False, fastupsample=False,
            min_height=image.height, min_width=image.width, strict=strict,
        )  # fmt: skip

    try:
        return decode(data, strict=True)
    except ValueError as error:
        message = str(error).lower()
        if _HARMLESS in message:
            return decode(data, strict=False)
        if "premature end of jpeg file" not in message:
            raise
    return decode(data + _END, strict=True)  # perhaps only the end marker is missing


def _has_all_scans(data: bytes) -> bool:
    """Return whether the scans of a progressive JPEG hold all bits of every coefficient."""
    missing_bits: dict[int, list[int]] = {}
    at = 2
    while marker := _MARKER.search(data, at):
        at, kind = marker.end(), data[marker.end() - 1]
        length = int.from_bytes(data[at : at + 2], "big")
        segment = data[at + 2 : at + length]
        if kind == _FRAME and len(segment) > 5:
            missing_bits = {component: [1] * 64 for component in segment[6::3]}
        elif kind == _SCAN and segment:
            first, last, bits = segment[-3:]
            for component in segment[1:-3:2]:
                missing_bits.setdefault(component, [1] * 64)
                missing_bits[component][first : last + 1] = [bits & 15] * (last + 1 - first)
        elif kind == _LAST:
            break
        at += length
    return not any(any(bits) for bits in missing_bits.values())
