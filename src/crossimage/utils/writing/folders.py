"""Folders of results, which disappear again if nothing was written into them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_made: list[Path] | None = None  # in their order, while a command runs


def make_folder(path: Path, *, exist_ok: bool = True) -> None:
    """Make a folder and those above it; the command that does so leaves none of them empty.

    Args:
        path: The folder.
        exist_ok: Whether it may exist.

    Raises:
        FileExistsError: It exists, and must not; or is a file.
        OSError: It can't be made.
    """
    missing = []
    for folder in (path, *path.parents):
        if folder.exists():
            break
        missing.append(folder)
    try:
        path.mkdir(parents=True, exist_ok=exist_ok)
    finally:
        if _made is not None:
            _made.extend(reversed(missing))


def check_folder(path: Path, what: str) -> None:
    """Refuse a folder for results that can't be made or written to, before what takes long.

    Args:
        path: The folder; it and those above it may be missing.
        what: The results, for a reader.

    Raises:
        PermissionError: The nearest folder that exists can't be written to.
        ValueError: It, or one above it, is a file.
    """
    nearest = next((each for each in (path, *path.parents) if os.path.lexists(each)), None)
    if nearest and not nearest.is_dir():
        raise ValueError(f"{nearest} is a file; expected a folder for {what}; give another path")
    if nearest and not os.access(nearest, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def check_file(path: Path) -> None:
    """Refuse a file for a result that can't be written, before what takes long.

    Args:
        path: The file; an earlier one is replaced.

    Raises:
        PermissionError: Its folder can't be written to.
        ValueError: It is a folder, or one above it is a file.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected the name of a file; give another path")
    check_folder(path.parent, path.name)


@contextmanager
def no_empty_folders() -> Iterator[None]:
    """Within this context, an error removes the folders that were made and are empty."""
    global _made
    outer, _made = _made, []
    try:
        yield
    except BaseException:
        remove_empty_folders()
        raise
    finally:
        _made = outer


def copy_file(source: Path, file: Path) -> None:
    """Copy a file into a folder, which is made if needed."""
    make_folder(file.parent)
    shutil.copyfile(source, file)


def remove_empty_folders() -> None:
    """Remove the empty ones of the folders made in the context of :func:`no_empty_folders`."""
    for folder in reversed(_made or []):
        with suppress(OSError):  # it is not empty, or was not made
            folder.rmdir()
