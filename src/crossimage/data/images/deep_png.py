"""PNG files of 16 bits, which Pillow writes only for gray images."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngInfo

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_SUB, _LEVEL = 1, 6
_INCH = 0.0254  # metres
_METRE = 1


def encode(
    array: NDArray[np.uint16],
    texts: PngInfo,
    *,
    profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes = b"",
) -> bytes:
    """Encode an image of 16 bits per channel.

    Args:
        array: Values (H, W, C); 2 and 4 channels include opacity.
        texts: Texts to write.
        profile: The colour profile.
        dpi: Pixels per inch, across and down.
        exif: EXIF data, beginning with the header of a TIFF file.

    Returns:
        The bytes of the file.
    """
    height, width, channels = array.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [_chunk(b"IHDR", header)]
    if profile:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    if dpi:
        across, down = (round(value / _INCH) for value in dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, _METRE)))
    if exif:
        chunks.append(_chunk(b"eXIf", exif))
    chunks += [_chunk(name, data) for name, data, *_ in texts.chunks]
    chunks += [_chunk(b"IDAT", zlib.compress(_filtered(array), _LEVEL)), _chunk(b"IEND", b"")]
    return _SIGNATURE + b"".join(chunks)


def _filtered(array: NDArray[np.uint16]) -> bytes:
    """Return the rows as differences from the pixel to the left, each after the filter's number."""
    height, width, channels = array.shape
    rows = array.astype(">u2").view(np.uint8).reshape(height, width, 2 * channels)
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]  # modulo 256, byte by byte
    filtered = np.full((height, 1 + width * 2 * channels), _SUB, np.uint8)
    filtered[:, 1:] = differences.reshape(height, -1)
    return filtered.tobytes()


def _chunk(name: bytes, data: bytes) -> bytes:
    checked = name + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
