"""Checks of PNG files: checksums, and whether the data can hold the pixels."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from PIL import Image

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import ImageError
from crossimage.utils.reading import open_data, read_data

_START = 8  # bytes before the first chunk
_SMALLEST = 1 / 1032  # of what deflate compresses to
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_CHECKED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_EXIF = b"eXIf"


class PngData(NamedTuple):
    """The parts of a PNG file whose checksums are right.

    Attributes:
        channels: Values per pixel, including opacity.
        depth: Bits per value.
        orientation: The EXIF number, 1 to 8.
    """

    channels: int
    depth: int
    orientation: int


def deep_channels(file: ImageFile) -> int:
    """Return the channels of a PNG of 16 bits, which Pillow would cut to 8 bits; else 0."""
    with open_data(file) as opened:
        header = opened.read(_START + 18)
    deep = len(header) == _START + 18 and header[24] == 16
    return _CHANNELS.get(header[25], 0) if deep else 0


def check(file: ImageFile) -> PngData:
    """Check what a PNG file holds before its pixels are decoded.

    Args:
        file: The file.

    Raises:
        ImageError: A checksum is wrong, or the data is too short for the size in the header.
    """
    data = read_data(file)
    view, at, encoded, orientation = memoryview(data), _START, 0, 1
    header: tuple[int, ...] | None = None
    while at + 12 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + 8 + size
        if end + 4 > len(data):
            if name == b"IDAT":
                encoded += len(data) - at - 8
            break
        if name in _CHECKED and zlib.crc32(view[at + 4 : end]) != int.from_bytes(
            view[end : end + 4], "big"
        ):
            raise ImageError(
                f"{file} can't be read: its data is damaged (wrong checksum of {name.decode()})"
            )
        if name == b"IHDR" and size == 13 and header is None:
            header = struct.unpack_from(">IIBBBBB", data, at + 8)
        elif name == b"IDAT":
            encoded += size
        elif name == _EXIF:
            orientation = _orientation(data[at + 8 : end])
        elif name == b"IEND":
            break
        at = end + 4
    if header is None or header[3] not in _CHANNELS:
        raise ImageError(f"{file} can't be read: its header is damaged")
    width, height, depth, kind = header[:4]
    channels = _CHANNELS[kind]
    if height * (width * channels * depth // 8) * _SMALLEST > encoded:
        raise ImageError(
            f"{file} can't be read: its {encoded:,} bytes of data are too few for {width} x "
            f"{height} pixels; it is damaged or truncated"
        )
    return PngData(channels, depth, orientation)


def _orientation(exif: bytes) -> int:
    found = Image.Exif()
    try:
        found.load(exif)
        orientation = found.get(0x0112, 1)
    except Exception:  # broken EXIF data turns nothing
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
