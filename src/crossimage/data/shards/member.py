"""A file inside a tar shard, with the interface of a path."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, TypeGuard

from crossimage.utils.reading import DataFile

if sys.platform == "win32":
    from pathlib import WindowsPath as _SystemPath
else:
    from pathlib import PosixPath as _SystemPath


class ByteSource(Protocol):
    """What members are parts of: a tar file, or an object of a store."""

    @property
    def path(self) -> str:
        """Its path or address."""

    @property
    def size(self) -> int:
        """Its bytes."""

    def __hash__(self) -> int:
        """Return a number that equal ones share."""

    def open(self) -> IO[bytes]:
        """Open it for reading and seeking."""

    def part(self, start: int, size: int) -> IO[bytes]:
        """Open some of its bytes as a file."""

    def state(self) -> tuple[int, int]:
        """Return its bytes and a time, in nanoseconds, that differs if it was changed."""


class Shard(NamedTuple):
    """A tar file as it was when its index was made.

    Attributes:
        path: Its path.
        size: Its bytes.
        modified: Its time of change, in nanoseconds.
    """

    path: str
    size: int
    modified: int

    def open(self) -> IO[bytes]:
        """Open the shard; each call has a file position of its own.

        Raises:
            OSError: It can't be opened, or is not the file that was indexed.
        """
        file = DataFile(self.path)
        state = os.fstat(file.fileno())
        if (state.st_size, state.st_mtime_ns) != (self.size, self.modified):
            file.close()
            raise OSError(f"{self.path} has changed since its index was made; start again")
        return file

    def part(self, start: int, size: int) -> IO[bytes]:
        """Open some of its bytes as a file."""
        return io.BufferedReader(_Part(self, start, size))

    def state(self) -> tuple[int, int]:
        """Return its bytes and the time when it was changed, as now known."""
        now = os.stat(self.path)
        return now.st_size, now.st_mtime_ns if os.name == "nt" else now.st_ctime_ns


class Member(_SystemPath):
    """A file inside a tar shard: ``shard.tar/folder/name.png``.

    Names, suffixes and comparisons are those of such a path. Whatever reads files through the
    methods of a path, rather than the functions of ``os``, reads the member's bytes from its place
    in the shard, so that any number of processes and threads can read at once. Paths derived from
    it, such as its folder, are no members.

    Make one with :func:`member`.
    """

    __slots__ = ("_place",)
    _place: tuple[ByteSource, int, int]

    def __str__(self) -> str:
        """Return the path; that of an object with both slashes of its address."""
        text = super().__str__()
        if is_member(self) and "://" in self._place[0].path:
            scheme, _, rest = text.partition(":")
            return f"{scheme}://{rest.lstrip(os.sep)}".replace(os.sep, "/")
        return text

    @property
    def inside(self) -> str:
        """The member's path in the shard, with ``/``."""
        return str(self)[len(self._place[0].path) + 1 :].replace(os.sep, "/")

    @property
    def start(self) -> int:
        """Position of the first byte in the shard."""
        return self._place[1]

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:  # type: ignore[override]
        """Open the member for reading, in the mode ``rb``."""
        if not is_member(self) or mode != "rb":
            return super().open(mode, *args, **kwargs)
        source, start, size = self._place
        return source.part(start, size)

    def read_bytes(self) -> bytes:
        """Return the member's bytes."""
        with self.open("rb") as file:
            data: bytes = file.read()
        return data

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return the size of the member, and when its shard was changed."""
        if not is_member(self):
            return super().stat(follow_symlinks=follow_symlinks)
        source, _, size = self._place
        _, changed = source.state()
        seconds = changed // 10**9
        values = (stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, size, seconds, seconds, seconds)
        names = ("st_atime_ns", "st_mtime_ns", "st_ctime_ns")
        return os.stat_result(values, dict.fromkeys(names, changed))

    def exists(self, **_: Any) -> bool:
        """Return whether there is such a file."""
        return is_member(self) or super().exists()

    def is_file(self, **_: Any) -> bool:
        """Return whether it is a file, which all members are."""
        return is_member(self) or super().is_file()

    def is_dir(self, **_: Any) -> bool:
        """Return whether it is a folder, which no member is."""
        return not is_member(self) and super().is_dir()

    def __reduce__(self) -> tuple[Callable[..., Path], tuple[Any, ...]]:
        """Pickle the member with its place."""
        if not is_member(self):
            return Path, (str(self),)
        return member, (self._place[0], self.inside, *self._place[1:])


def member(shard: ByteSource, name: str, start: int, size: int) -> Member:
    """Return a member.

    Args:
        shard: The tar file; or an object that is the file itself, whose name in it is empty.
        name: Path of the member in the shard, with ``/``.
        start: Position of its first byte in the shard.
        size: Its bytes.
    """
    path = Member(shard.path, *filter(None, name.split("/")))
    path._place = shard, start, size
    return path


def is_member(path: object) -> TypeGuard[Member]:
    """Return whether a path is a member of a shard, rather than derived from one."""
    return isinstance(path, Member) and hasattr(path, "_place")


class _Part(io.RawIOBase):
    """A range of bytes of a shard as a file."""

    def __init__(self, shard: Shard, start: int, size: int) -> None:
        self._start, self._size, self._at = start, size, 0
        self._file = shard.open()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = offset + (0, self._at, self._size)[whence]
        if at < 0:
            raise ValueError(f"negative seek position {at}")
        self._at = at
        return at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._size - self._at))
        if not count:
            return 0
        self._file.seek(self._start + self._at)
        data = self._file.read(count)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
