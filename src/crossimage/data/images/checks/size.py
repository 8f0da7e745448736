"""The limit on the pixels that are decoded at once, checked before memory is taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from crossimage.data.images.checks.limit import chosen_max_pixels, max_pixels
from crossimage.data.images.encoded import ImageFile, length
from crossimage.data.images.pixels import BombError, ImageError

_SIDE = 2**20
_BYTES = 4  # of a pixel of 8 bits with colours and opacity, which counts as one
SMALL = 64_000_000
"""Pixels that any file may have."""
_DENSITY = 512  # pixels per byte; photos have up to 100, and blank ones up to 350


def check_size(file: ImageFile, width: int, height: int, pixel_bytes: int = _BYTES) -> None:
    """Check the size in the header of an image that is decoded at once.

    Args:
        file: The image.
        width: Columns.
        height: Rows, of all images that are decoded together.
        pixel_bytes: Bytes of a decoded pixel.

    Raises:
        ImageError: A side is zero, negative or longer than 1,048,576.
        BombError: There are more pixels than are decoded at once.
    """
    check_sides(file, width, height)
    count = max(width * height, -(-width * height * pixel_bytes // _BYTES))
    what = f"{file} has {width} x {height} pixels"
    if count > width * height:
        what += f" of {pixel_bytes} bytes, which count as {count:,}"
    if count > max_pixels():
        raise too_large(what, count)
    if chosen_max_pixels() is not None or count <= SMALL:
        return
    if count > _DENSITY * (size := length(file)):
        raise BombError(
            f"{what} in only {size:,} bytes, like files that are made to exhaust memory; remove "
            f"it, or allow it with --max-pixels {count} (in Python: crossimage.set_max_pixels)"
        )


def too_large(what: str, count: int) -> BombError:
    """Return the error of an image that has more pixels than the limit, which counts them."""
    return BombError(
        f"{what}, more than the {max_pixels():,} that are decoded at once; shrink it, or raise the "
        f"limit with --max-pixels {count} (in Python: crossimage.set_max_pixels)"
    )


def check_sides(file: ImageFile, width: int, height: int) -> None:
    """Check that sides are positive and bounded; raise :class:`ImageError` otherwise."""
    if not (0 < width <= _SIDE and 0 < height <= _SIDE):
        raise ImageError(
            f"{file} can't be read: its header says {width} x {height} pixels; expected sides of "
            f"1 to {_SIDE:,}"
        )


class _PillowLimit:
    """Pillow's own limit, which is raised to ours while files are open."""

    def __init__(self) -> None:
        self._lock, self._open = threading.Lock(), 0
        self._before: int | None = None

    @contextmanager
    def raised(self) -> Iterator[None]:
        with self._lock:
            if not self._open:
                self._before = Image.MAX_IMAGE_PIXELS
            self._open += 1
            # Pillow refuses twice as many
            Image.MAX_IMAGE_PIXELS = max(self._before or 0, max_pixels() // 2 + 1)
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
                if not self._open:
                    Image.MAX_IMAGE_PIXELS = self._before


pillow_limit = _PillowLimit()
"""Raises Pillow's limit with ``pillow_limit.raised()``."""
