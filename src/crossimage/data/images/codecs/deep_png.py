"""PNG files of 16 bits; Pillow keeps that depth for gray images only."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from crossimage.data.images.checks.png import PngData, chunk, orientation
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.formats import MOST
from crossimage.data.images.pixels import ImageError, upright
from crossimage.utils.reading import open_data

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
    chunks = [chunk(b"IHDR", header)]
    if profile:
        chunks.append(chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    if dpi:
        across, down = (round(value / _INCH) for value in dpi)
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", across, down, _METRE)))
    if exif:
        chunks.append(chunk(b"eXIf", exif))
    chunks += [chunk(name, data) for name, data, *_ in texts.chunks]
    chunks += [chunk(b"IDAT", zlib.compress(_filtered(array), _LEVEL)), chunk(b"IEND", b"")]
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


def decode(file: ImageFile, image: Image.Image, png: PngData) -> NDArray[np.uint16]:
    """Decode an opened PNG of 16 bits.

    Args:
        file: The file.
        image: The image that Pillow opened.
        png: What :func:`crossimage.data.images.checks.png.check` found.

    Returns:
        An array (C, H, W), upright; if the file calls one colour transparent, with opacity.
    """
    try:
        values = _values(file, image, png.channels)
    except (OSError, SyntaxError, ValueError):
        raise ImageError(f"{file} can't be read: its data is damaged or truncated") from None
    if (transparent := image.info.get("transparency")) is not None and png.channels in (1, 3):
        colour = np.array(transparent).reshape(-1, 1, 1)
        opaque = (values != colour).any(0, keepdims=True)
        values = np.concatenate([values, np.where(opaque, MOST, 0).astype(np.uint16)])
    return np.ascontiguousarray(upright(values, orientation(file)))


def _values(file: ImageFile, image: Image.Image, channels: int) -> NDArray[np.uint16]:
    """Return the values (C, H, W) as they are stored."""
    if channels == 1:
        values = np.asarray(image).astype(np.uint16)[None]
    elif channels == 2:  # two values of 16 bits are stored like four of 8 bits
        values = np.asarray(_as(image, "RGBA", "RGBA")).view(">u2").astype(np.uint16)
        values = values.transpose(2, 0, 1)
    else:  # Pillow keeps 8 bits of each value: first the high ones, and then the low ones
        mode = {3: "RGB", 4: "RGBA"}[channels]
        with open_data(file) as data, Image.open(data, formats=("PNG",)) as again:
            low = np.asarray(_as(again, mode, f"{mode};16L"))
        high = np.asarray(_as(image, mode, f"{mode};16B"))
        values = np.left_shift(high, 8, dtype=np.uint16)
        values |= low
        values = values.transpose(2, 0, 1)
    return values


def _as(image: Image.Image, mode: str, raw: str) -> Image.Image:
    """Return an opened PNG, decoded to a mode from another form of its bytes."""
    image._mode = mode
    tiles = image.tile  # type: ignore[attr-defined]
    image.tile = [tile._replace(args=raw) for tile in tiles]  # type: ignore[attr-defined]
    image.load()
    return image
