"""Paths as users give them, and files and folders that are either complete or not there."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_LONGEST = 200  # bytes of a name that leave room for what a temporary name adds


def as_path(path: str | Path, what: str) -> Path:
    """A path as users give it.

    Args:
        path: The path.
        what: What the error message calls it.

    Raises:
        ValueError: It is the empty string, which would otherwise mean the working folder.
    """
    if not str(path):
        raise ValueError(f"{what} is empty; give a path, or . for the working folder")
    return Path(path)


def temporary_path(path: Path) -> Path:
    """Where ``path`` stands until it is complete: hidden beside it, and this process's own."""
    name = path.name
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) > _LONGEST:
        start = encoded[:40].decode(errors="ignore")
        name = f"{start}.{hashlib.sha256(encoded).hexdigest()[:16]}"
    return path.with_name(f".{name}.{os.getpid()}.tmp")


@contextmanager
def atomic(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Write a file under a temporary name and rename it when all of it is written.

    On any error the temporary file is removed and whatever stood at ``path`` is untouched.

    Args:
        path: Where the file shall stand.
        durable: Flush the file and its folder to the disk before returning, so that the file
            outlives a power cut.

    Raises:
        OSError: The disk is full, the folder read-only, ...
    """
    temporary = temporary_path(path)
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            flush_folder(path.parent)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk does not say which file it was
        with suppress(OSError):
            temporary.unlink()
        raise


def flush_folder(folder: Path) -> None:
    """Flush a folder's list of files to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8; other bytes of file names are escaped."""
    with atomic(path) as file:
        file.write(text.encode(errors="backslashreplace"))


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill under a temporary name, which becomes ``out`` when all of it is written.

    On any error it is removed.

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
