"""Folders of results, which disappear again if nothing was written into them."""

from __future__ import annotations

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
