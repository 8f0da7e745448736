"""A limit on the number of reads from a file, since even the smallest read takes time."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import ImageError
from crossimage.utils.reading import open_data

_MOST = 2_000_000


def open_piecewise(path: ImageFile) -> BinaryIO:
    """Open a file for a reader that goes through it piece by piece, byte by byte at worst.

    Its reads raise an :class:`ImageError` when there are too many of them.

    Raises:
        OSError: It can't be opened.
    """
    return cast(BinaryIO, _Pieces(path))


class _Pieces:
    def __init__(self, path: ImageFile) -> None:
        self._path, self._file, self._left = path, open_data(path), _MOST

    def read(self, size: int = -1, /) -> bytes:
        """Read so many bytes, or up to the end.

        Raises:
            ImageError: There were too many pieces.
        """
        self._left -= 1
        if self._left < 0:
            raise ImageError(
                f"{self._path} can't be read: it consists of more than {_MOST:,} pieces, such as "
                "bytes that fill its header; save it again with an image editor"
            )
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        """Return what the file itself has, such as ``seek``."""
        return getattr(self._file, name)

    def __enter__(self) -> _Pieces:
        """Return the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()
