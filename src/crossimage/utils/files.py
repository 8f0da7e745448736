"""Files and folders that are either complete or absent."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.temporary import TEMPORARY, create_file, create_folder, sweep_once

_CANNOT_FLUSH = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}
"""Errors of file systems that cannot flush a file or folder; all others are real failures."""

_CANNOT_LINK = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
"""Errors of file systems without hard links."""


@contextmanager
def atomic(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Write a file under a temporary name, and rename it when it is complete.

    On any error the temporary file is removed, and a file at ``path`` is left unchanged. What a
    killed process left in the folder is removed at the first file that is written there.

    Args:
        path: The file to write.
        durable: Flush the file and its folder to the disk before returning, so that the file
            survives a power failure.

    Raises:
        OSError: The file cannot be written: the disk is full, the folder read-only, ...
    """
    temporary = None
    try:
        sweep_once(path.parent)
        temporary, handle = create_file(path)
        with open(handle, "w+b") as file:
            yield file
            file.flush()
            if durable:
                _flush(file.fileno())
            if os.name != "nt":  # while it is locked, so that nobody takes it for a leftover
                os.replace(temporary, path)
        if os.name == "nt":  # where open files cannot be renamed
            os.replace(temporary, path)
        if durable:
            flush_folder(path.parent)
    except BaseException as error:
        name_file(error, path)
        if temporary:
            with suppress(OSError):
                temporary.unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8; undecodable bytes of file names are escaped."""
    with atomic(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist yet, at once and completely.

    Raises:
        FileExistsError: It exists, perhaps since another process wrote it meanwhile.
    """
    with create_folder(path) as folder:
        whole = folder / path.name
        try:
            whole.write_bytes(content)
            os.link(whole, path)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                name_file(error, path)
                raise
            if path.exists():  # the best that there is on such file systems
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            os.replace(whole, path)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name, and rename it to ``out`` when it is complete.

    On any error it is removed.

    Yields:
        The temporary folder.

    Raises:
        ValueError: ``out`` exists and is not empty, or can't be replaced.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists and is not empty; remove it or choose another folder")
    check_replaceable(out)
    make_folder(out.parent)
    out = out.resolve()
    sweep_once(out.parent)
    try:
        with create_folder(out) as temporary:
            yield temporary
            os.replace(temporary, out)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and error.filename2 == str(out):
            raise ValueError(
                f"{out} was written by another process meanwhile; remove it or choose another "
                "folder"
            ) from None
        name_file(error, out)
        raise


def check_replaceable(out: Path) -> None:
    """Refuse a folder in whose place no other can be put.

    Raises:
        ValueError: It is the working folder or a mount point.
    """
    if not out.is_dir():
        return
    here = os.path.samefile(out, ".")
    if here or os.path.ismount(out):
        kind = "the folder in which the command runs" if here else "a mount point"
        raise ValueError(f"{out} is {kind}, which can't be replaced; choose a folder in it")


def name_file(error: BaseException, path: Path) -> None:
    """Name a file in an error of the system: its own name rather than a temporary one, or none."""
    if not isinstance(error, OSError) or error.errno is None:
        return
    given = error.filename
    if given is None or isinstance(given, int):
        name = str(path)
    else:
        hidden = re.escape(os.path.join(os.path.dirname(path), "")) + TEMPORARY.pattern
        name = re.sub(f"^{hidden}", lambda _: str(path), os.fsdecode(given))
    try:
        error.filename = name
    except AttributeError:  # an error of FFmpeg's, whose name is one of its arguments
        error.args = (*error.args[:2], name)


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
