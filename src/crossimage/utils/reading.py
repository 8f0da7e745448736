"""Files that are read as data: an error in the middle of one names it, and says what to do.

The system's own error of a read that fails carries no name, and many readers take it for damage.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Protocol, TypeVar, cast

from crossimage.utils.writing.failures import reason_of

_Result = TypeVar("_Result")


class Data(Protocol):
    """What is opened like a path, such as a file in memory."""

    def open(self, mode: Literal["rb"]) -> IO[bytes]:
        """Open it for reading."""


class FailedReadError(OSError):
    """A file that the system could open, but not read.

    Args:
        number: The number of the system's error.
        reason: Why, and what to do about it.
        filename: The file.
    """

    def __str__(self) -> str:
        """Return a sentence."""
        if self.strerror is None:  # from a process that loads images, with its traceback
            return super().__str__().rpartition("FailedReadError: ")[2].strip()
        return f"{self.filename} can't be read: {self.strerror}"


def open_data(path: Path | Data) -> io.BufferedReader:
    """Open a file for reading; a read that fails raises a :class:`FailedReadError`.

    Args:
        path: The file. What has a way of opening of its own, such as a member of a shard, is opened
            that way.

    Raises:
        OSError: It can't be opened.
    """
    if not isinstance(path, Path) or type(path).open is not Path.open:
        return cast(io.BufferedReader, path.open("rb"))  # or one that reads like it
    return io.BufferedReader(DataFile(os.fspath(path)))


def read_data(path: Path | Data) -> bytes:
    """Return the bytes of a file; see :func:`open_data`."""
    with open_data(path) as file:
        return file.read()


def read_text(
    path: Path, encoding: str = "utf-8", errors: str = "strict", newline: str | None = None
) -> str:
    """Return the text of a file; see :func:`open_data`."""
    with io.TextIOWrapper(open_data(path), encoding, errors, newline) as file:
        return file.read()


def sha256_of(path: Path | Data) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; see :func:`open_data`."""
    with open_data(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def failed_read(error: BaseException | None) -> FailedReadError | None:
    """Return the failed read that an error comes from, however a reader has reworded it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, FailedReadError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


class _Failed(threading.local):
    first: FailedReadError | None = None


_failed = _Failed()


@contextmanager
def reads_noticed() -> Iterator[None]:
    """Within this context, a failed read raises even where a reader takes no notice of it.

    Readers of file formats take it for damage, or go on without what they could not read.

    Raises:
        FailedReadError: A read failed in this thread.
    """
    outer, _failed.first = _failed.first, None
    try:
        yield
    except Exception:
        if _failed.first is not None:
            raise _failed.first from None
        raise
    else:
        if _failed.first is not None:
            raise _failed.first
    finally:
        _failed.first = outer or _failed.first


def named(path: str, read: Callable[[], _Result]) -> _Result:
    """Call a function that reads an open file; what the system raises names the file."""
    try:
        return read()
    except FailedReadError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        failed = FailedReadError(error.errno, reason_of(error), path)
        _failed.first = _failed.first or failed
        raise failed from None


class DataFile(io.FileIO):
    """An open file, without a buffer, whose errors name it.

    Args:
        path: The file.

    Attributes:
        failed: The first read that failed, if any, since a reader may take no notice of it.
    """

    def __init__(self, path: str) -> None:
        """Open the file."""
        super().__init__(path, "rb")
        self._path = path
        self.failed: FailedReadError | None = None

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        return self._noting(lambda: super(DataFile, self).readinto(buffer))

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or up to the end."""
        return self._noting(lambda: super(DataFile, self).read(size))

    def readall(self) -> bytes:
        """Read up to the end."""
        return self._noting(super().readall)

    def _noting(self, read: Callable[[], _Result]) -> _Result:
        """Read, and note a failure."""
        try:
            return named(self._path, read)
        except FailedReadError as error:
            self.failed = self.failed or error
            raise
