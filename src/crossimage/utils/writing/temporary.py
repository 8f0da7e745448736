"""Temporary files and folders, locked while their writers live, and removed once these are gone."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

import portalocker

_TRIES = 20  # of removing a folder
_MAX_NAME = 200  # bytes of a name that leave room for what a temporary name adds
TEMPORARY = re.compile(r"\.(?s:.+)\.[0-9a-f]{16}\.tmp")
"""The names of temporary files and folders."""

_ONLY_ITSELF = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
"""Flags that open no link's target; not every system has all of them."""

_swept: set[str] = set()  # folders without leftovers of killed processes


def temporary_path(path: Path) -> Path:
    """Return a hidden path next to ``path`` for writing it, which nobody else can guess."""
    name = path.name
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) > _MAX_NAME:
        start = encoded[:40].decode(errors="ignore")
        name = f"{start}.{hashlib.sha256(encoded).hexdigest()[:16]}"
    return path.with_name(f".{name}.{secrets.token_hex(8)}.tmp")


def is_temporary(name: str) -> bool:
    """Return whether a name is one of :func:`temporary_path`."""
    return TEMPORARY.fullmatch(name) is not None


def create_file(path: Path) -> tuple[Path, int]:
    """Create a temporary file next to ``path``, locked to show that its writer lives."""
    while True:
        temporary = temporary_path(path)
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _ONLY_ITSELF, 0o666)
        try:
            with suppress(FileNotFoundError):  # another process took it for a leftover
                if _lock(handle) and os.path.samestat(os.fstat(handle), os.lstat(temporary)):
                    return temporary, handle
        except BaseException:
            os.close(handle)
            with suppress(OSError):
                temporary.unlink()
            raise
        os.close(handle)


@contextmanager
def create_folder(path: Path, mode: int = 0o777) -> Iterator[Path]:
    """Create a temporary folder next to ``path``, locked to show that its writer lives.

    In the end it is removed, unless it was renamed.

    Args:
        path: What it stands for.
        mode: Its permissions, before the mask of the process.

    Yields:
        The folder.
    """
    temporary, handle = temporary_path(path), None
    try:
        while handle is None:
            temporary = temporary_path(path)
            temporary.mkdir(mode)
            handle = _hold(temporary)
        yield temporary
    finally:
        for _ in range(_TRIES):  # threads of an interrupted process may still be writing
            shutil.rmtree(temporary, ignore_errors=True)
            if not temporary.exists():
                break
            time.sleep(0.05)
        if handle is not None and handle >= 0:
            os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders of processes that were killed while writing."""

    def remove(entry: os.DirEntry[str]) -> None:
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    _each_leftover(folder, remove)


def leftovers(folder: Path) -> list[str]:
    """Return the names of temporary files and folders of processes that were killed."""
    names: list[str] = []
    _each_leftover(folder, lambda entry: names.append(entry.name))
    return names


def sweep_once(folder: Path) -> None:
    """Remove the leftovers in a folder before this process first writes there."""
    key = os.path.realpath(folder)
    if key not in _swept:
        _swept.add(key)
        remove_leftovers(folder)


def _each_leftover(folder: Path, use: Callable[[os.DirEntry[str]], None]) -> None:
    """Call a function with each temporary file or folder whose writer is gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if TEMPORARY.fullmatch(entry.name)]:
            is_folder = entry.is_dir(follow_symlinks=False)
            how = os.O_RDONLY if is_folder else os.O_RDWR | getattr(os, "O_NONBLOCK", 0)
            try:
                handle = os.open(entry.path, how | _ONLY_ITSELF)
            except OSError:  # gone, a link, or not ours
                continue
            try:
                portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
            except portalocker.LockException:  # its writer lives, or the file system has no locks
                continue
            else:
                use(entry)
            finally:
                os.close(handle)


def _hold(folder: Path) -> int | None:
    """Lock a new folder; return the handle that holds it, -1 where folders can't be locked.

    None: another process took it for a leftover.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | _ONLY_ITSELF)
    except PermissionError:  # Windows
        return -1
    except FileNotFoundError:
        return None
    with suppress(FileNotFoundError):
        if _lock(handle) and os.path.samestat(os.fstat(handle), os.lstat(folder)):
            return handle
    os.close(handle)
    return None


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed; return False if another process has locked it.

    Some file systems have no locks. There, nothing is locked and nothing swept.
    """
    with suppress(portalocker.LockException):
        try:
            portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.AlreadyLocked:
            return False
    return True


def open_regular(path: Path, flags: int) -> int:
    """Open a file with flags of ``os.open``, but no link and nothing that is not a regular file.

    Raises:
        OSError: The path is a link, a folder, a pipe or a device, or cannot be opened.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed", str(path))
    handle = os.open(path, flags | _ONLY_ITSELF | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return handle
