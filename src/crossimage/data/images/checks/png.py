"""Checks of PNG files: checksums, and whether the data can hold the pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import ImageError
from crossimage.utils.reading import open_data, read_data

_START = 8  # bytes before the first chunk
_SMALLEST = 1 / 1032  # of what deflate compresses to
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_CHECKED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_METADATA = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 274


class PngData(NamedTuple):
    """The parts of a PNG file whose checksums are right.

    Attributes:
        channels: Values per pixel, including opacity.
        depth: Bits per value.
    """

    channels: int
    depth: int


def deep_channels(file: ImageFile) -> int:
    """Return the channels of a PNG of 16 bits, which Pillow would cut to 8 bits; else 0."""
    bits, kind = _header(file)
    return _CHANNELS.get(kind, 0) if bits == 16 else 0


def depth(file: ImageFile) -> int:
    """Return the bits per value of a PNG, according to its header."""
    return _header(file)[0]


def _header(file: ImageFile) -> tuple[int, int]:
    """Return the bits per value and the number of the kind of colours; zeros if they are cut."""
    with open_data(file) as opened:
        header = opened.read(_START + 18)
    return (header[24], header[25]) if len(header) == _START + 18 else (0, 0)


def check(file: ImageFile) -> PngData:
    """Check what a PNG file holds before its pixels are decoded.

    Args:
        file: The file.

    Raises:
        ImageError: A checksum is wrong, or the data is too short for the size in the header.
    """
    data = read_data(file)
    view, at, encoded = memoryview(data), _START, 0
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
        elif name == b"IEND":
            break
        at = end + 4
    if header is None or header[3] not in _CHANNELS:
        raise ImageError(f"{file} can't be read: its header is damaged")
    width, height, bits, kind = header[:4]
    channels = _CHANNELS[kind]
    if height * (width * channels * bits // 8) * _SMALLEST > encoded:
        raise ImageError(
            f"{file} can't be read: its {encoded:,} bytes of data are too few for {width} x "
            f"{height} pixels; it is damaged or truncated"
        )
    return PngData(channels, bits)


def orientation(file: ImageFile) -> int:
    """Return the orientation of a PNG, by EXIF data or XMP before or after its pixels.

    Returns:
        The EXIF number, 1 to 8.
    """
    metadata = list(_metadata(file))
    exif = [found for name, found in metadata if name == b"eXIf"]
    for chunks in ([found for _, found in metadata], exif) if metadata else ():
        with suppress(Exception):  # broken metadata turns nothing
            return _orientation(chunks)
    return 1


def _orientation(metadata: Iterable[bytes]) -> int:
    """Return the orientation that chunks of metadata state."""
    # Pillow, which knows all forms of such data, would decode the whole image in search of them
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixel = chunk(b"IDAT", zlib.compress(b"\0\0"))
    one_pixel = b"".join([_SIGNATURE, header, *metadata, pixel, chunk(b"IEND", b"")])
    with Image.open(BytesIO(one_pixel), formats=("PNG",)) as image:
        found = image.getexif().get(_ORIENTATION, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file, with its checksum."""
    checked = name + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def _metadata(file: ImageFile) -> Iterator[tuple[bytes, bytes]]:
    """Yield the intact chunks of metadata in a file, with their names."""
    with open_data(file) as opened:
        opened.seek(_START)
        while len(head := opened.read(8)) == 8:
            size, name = struct.unpack(">I4s", head)
            if name in _METADATA:
                rest = opened.read(size + 4)
                found = chunk(name, rest[:size])
                if head + rest == found:
                    yield name, found
            else:
                opened.seek(size + 4, 1)
