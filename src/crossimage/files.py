"""Files that are either complete or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            flush_folder(path.parent)
    except BaseException:
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
    """Write a text file atomically, in UTF-8."""
    with atomic(path) as file:
        file.write(text.encode())
