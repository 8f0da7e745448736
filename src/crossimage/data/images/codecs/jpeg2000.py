"""JPEG 2000: more than 8 bits, whose brightest colours Pillow turns black, and colour profiles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import ImageError
from crossimage.utils.reading import open_data, read_data

_SIZES = b"\xff\x4f\xff\x51"  # start of the image, and of the segment with its sizes
_BITS = 42  # bytes from there to the bits of the first channel
_HEADER = 2**20  # bytes that are searched, since a colour profile may come first
_GRAY = "I;16"
_BOX = 8  # bytes of the length and the name of a part of the file
_PROFILES = (2, 3)  # numbers of the ways in which colours are described by a profile


def bits(file: ImageFile, image: Image.Image) -> int:
    """Return the bits per value of an image that Pillow opened, if they are 9 to 16; else 0.

    Only images of gray or colours, with or without opacity, are meant.
    """
    if image.format != "JPEG2000" or image.mode not in (_GRAY, "L", "LA", "RGB", "RGBA"):
        return 0
    with open_data(file) as opened:
        start = opened.read(_HEADER)
    at = start.find(_SIZES) + _BITS
    stated = start[at] if _BITS <= at < len(start) else 0
    found = stated + 1
    return found if 8 < found <= 16 else 0  # the highest bit marks signed values


def read(file: ImageFile, image: Image.Image, bits: int) -> NDArray[np.uint16]:
    """Decode an image of more than 8 bits.

    Args:
        file: The file.
        image: The image that Pillow opened.
        bits: Its bits per value.

    Returns:
        An array (C, H, W) of the values as they are stored.

    Raises:
        ImageError: The package that reads it is missing; gray images of 10 to 16 bits need none.
    """
    if image.mode == _GRAY:  # Pillow shifts the values to the highest bits
        shifted = np.asarray(image).astype(np.uint16)
        return np.right_shift(shifted, 16 - bits, dtype=np.uint16)[None]
    try:
        from imagecodecs import jpeg2k_decode
    except ImportError:
        raise ImageError(
            f"{file} can't be read: it is a JPEG 2000 image of {bits} bits, which needs the "
            "package imagecodecs; run `pip install 'crossimage[formats]'`, or convert the images "
            "to PNG"
        ) from None
    data = read_data(file)
    if profile(file):  # which the package would follow in a way of its own
        data = data[data.find(_SIZES) :]
    values = np.atleast_3d(jpeg2k_decode(data)).transpose(2, 0, 1)
    return np.ascontiguousarray(values, dtype=np.uint16)


def profile(file: ImageFile) -> bytes | None:
    """Return the embedded colour profile of a JPEG 2000 file; None if there is none."""
    with open_data(file) as opened:
        start = opened.read(_HEADER)
    header = next((data for name, data in _boxes(start) if name == b"jp2h"), b"")
    colours = [data for name, data in _boxes(header) if name == b"colr" and len(data) > 3]
    return next((data[3:] for data in colours if data[0] in _PROFILES), None)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and contents of the parts of a file, up to one that is not complete."""
    at = 0
    while at + _BOX <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + _BOX]
        if size < _BOX:  # the last one, or one of several gigabytes
            return
        yield name, data[at + _BOX : at + size]
        at += size
