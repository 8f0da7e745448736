"""Paths from users, and files and folders that are either complete or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_CANNOT_FLUSH = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}
"""Errors of file systems that cannot flush a file or folder; all others are real failures."""

_MAX_NAME = 200  # bytes of a name that leave room for what a temporary name adds


def as_path(path: str | Path, name: str) -> Path:
    """Convert a path from a user; a leading ``~`` becomes the home folder.

    Args:
        path: The path.
        name: Its name in the error message.

    Raises:
        ValueError: It is the empty string, which would otherwise mean the working folder, or not a
            path at all.
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"{name}: expected a path, found {type(path).__name__}")
    if not str(path):
        raise ValueError(f"{name} is empty; give a path, or . for the working folder")
    return expanded(Path(path))


def expanded(path: Path) -> Path:
    """Return a path in which a leading ``~`` or ``~name`` is a home folder, if there is such."""
    return Path(os.path.expanduser(path))


def temporary_path(path: Path) -> Path:
    """Return this process's hidden path next to ``path`` for writing it."""
    name = path.name
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) > _MAX_NAME:
        start = encoded[:40].decode(errors="ignore")
        name = f"{start}.{hashlib.sha256(encoded).hexdigest()[:16]}"
    return path.with_name(f".{name}.{os.getpid()}.tmp")


@contextmanager
def atomic(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Write a file under a temporary name, and rename it when it is complete.

    On any error the temporary file is removed, and a file at ``path`` is left unchanged.

    Args:
        path: The file to write.
        durable: Flush the file and its folder to the disk before returning, so that the file
            survives a power failure.

    Raises:
        OSError: The file cannot be written: the disk is full, the folder read-only, ...
    """
    temporary = temporary_path(path)
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            if durable:
                _flush(file.fileno())
        os.replace(temporary, path)
        if durable:
            flush_folder(path.parent)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # errors of a full disk do not name the file
        with suppress(OSError):
            temporary.unlink()
        raise


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk, if its file system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written, but not read
        return
    try:
        _flush(handle)
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    """Flush a file or folder to the disk; some network file systems refuse to."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8; undecodable bytes of file names are escaped."""
    with atomic(path) as file:
        file.write(text.encode(errors="backslashreplace"))


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name, and rename it to ``out`` when it is complete.

    On any error it is removed.

    Yields:
        The temporary folder.

    Raises:
        ValueError: ``out`` exists and is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists and is not empty; remove it or choose another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    out = out.resolve()
    temporary = temporary_path(out)
    try:
        temporary.mkdir()
        yield temporary
        os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
