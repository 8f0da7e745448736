"""The blocks of GIF files: whether one is complete, and how one is written frame by frame."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image, ImageChops

from crossimage.data.images.checks.size import check_size
from crossimage.data.videos.opening import VideoError
from crossimage.utils.reading import open_data
from crossimage.video.base import Pixels

_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_COLOURS = 256


def check_gif(path: Path) -> None:
    """Walk through the blocks of a GIF without decoding it.

    Raises:
        VideoError: It ends early, or is damaged.
        BombError: A frame has more pixels than are decoded at once.
    """
    count = 0
    with open_data(path) as file:
        try:
            head = _read(file, 13)
            _skip_colours(file, head[10])
            while (kind := _read(file, 1)[0]) != _END:
                if kind == _EXTENSION:
                    _read(file, 1)
                elif kind == _IMAGE:
                    left, top, width, height, flags = struct.unpack("<HHHHB", _read(file, 9))
                    check_size(path, max(1, left + width), max(1, top + height))
                    _skip_colours(file, flags)
                    _read(file, 1)
                    count += 1
                else:
                    raise VideoError(
                        f"{path} is damaged after {count} frames: a block of the unknown kind "
                        f"{kind} follows; make it anew"
                    )
                while length := _read(file, 1)[0]:
                    _read(file, length)
        except EOFError:
            raise VideoError(
                f"{path} ends early, after the beginning of {count} frames; copy it again"
            ) from None
    if not count:
        raise VideoError(f"{path} holds no frames")


def _read(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        _read(file, 3 << (flags & 7) + 1)


def common_palette(frames: Iterable[Pixels]) -> Image.Image:
    """Return an image whose palette has the 256 colours that suit some frames best."""
    together = np.concatenate([_reduced(frame) for frame in frames])
    return Image.fromarray(together).quantize(_COLOURS, Image.Quantize.MEDIANCUT)


def _reduced(pixels: Pixels) -> Pixels:
    """Return a frame with at most 256 rows and columns."""
    step = max(1, -(-max(pixels.shape[:2]) // 256))
    return pixels[::step, ::step]


def gif_data(
    frames: Iterable[Pixels], palette: Image.Image, delays: Iterable[int], plays: int
) -> Iterator[bytes]:
    """Yield a GIF in pieces.

    All frames have the same palette and are not dithered, so that what is still stays exactly the
    same. Of each frame, the rectangle that changes is stored.

    Args:
        frames: The frames (H, W, 3), of one size.
        palette: An image with the palette.
        delays: How long each frame is shown, in hundredths of a second.
        plays: How often the video is played; 0: for ever.
    """
    before: Image.Image | None = None
    for pixels, delay in zip(frames, delays, strict=True):
        image = Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)
        if before is None:
            colours = bytes(palette.getpalette("RGB") or ()).ljust(3 * _COLOURS, b"\0")
            yield b"GIF89a" + struct.pack("<HHBBB", *image.size, 0xF7, 0, 0) + colours
            if plays != 1:
                yield b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", max(0, plays - 1), 0)
            box = (0, 0, *image.size)
        else:
            values = [Image.fromarray(np.asarray(one)) for one in (image, before)]
            box = ImageChops.difference(*values).getbbox() or (0, 0, 1, 1)
        yield from GifImagePlugin.getdata(image.crop(box), box[:2], duration=10 * delay)
        before = image
    yield bytes([_END])
