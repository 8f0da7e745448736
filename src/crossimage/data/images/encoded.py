"""Encoded images in memory, which file readers accept in place of a path."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class EncodedImage:
    """An encoded image in memory, with those parts of a path's interface that readers use.

    Args:
        data: The bytes of an image file.
        name: Name of the image in error messages.

    Attributes:
        suffix: ``.tif`` for TIFF data; empty for all other types, which readers recognise
            themselves.
    """

    def __init__(self, data: bytes, name: str = "the image") -> None:
        self._data, self._name = data, name
        self.suffix = ".tif" if data.startswith(_TIFF) else ""

    def __str__(self) -> str:
        """Return the image's name."""
        return self._name

    def open(self, mode: Literal["rb"]) -> BytesIO:
        """Open the image for reading."""
        return BytesIO(self._data)

    def read_bytes(self) -> bytes:
        """Return the image's bytes."""
        return self._data


ImageFile = Path | EncodedImage
"""An image file on disk or in memory."""


def length(file: ImageFile) -> int:
    """Return the number of bytes of an encoded image."""
    return file.stat().st_size if isinstance(file, Path) else len(file.read_bytes())
