"""Parts of a translation that processes are at work on, so that no two do the same.

A process holds a lock on its list from its start on. The system releases it when the process ends,
however it ends, so that a killed process blocks no other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import gcd
from pathlib import Path

import portalocker

from crossimage.utils.manifest import open_shared
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.temporary import open_regular

_LIST = re.compile(r"crossimage-(\d+)-of-(\d+)-\w+\.jsonl")


@contextmanager
def claimed(folder: Path, list_name: str, shard: tuple[int, int]) -> Iterator[None]:
    """Hold a part of the inputs, so that other processes with inputs of this part are refused.

    Where a file system has no locks, nothing is held and nobody refused.

    Args:
        folder: The folder of results.
        list_name: The list of this process, ``crossimage-K-of-N-ID.jsonl``.
        shard: ``(k, n)`` for the k-th of n parts of the inputs, from 1.

    Raises:
        ValueError: Another process is at work on some of the inputs.
        OSError: The folder cannot be written.
    """
    make_folder(folder)
    path = folder / list_name
    with _alone(folder):
        file = open_shared(path)  # first, so that of two processes at least one sees the other
        try:
            _check_others(folder, list_name, shard)
        except BaseException:
            path.unlink()
            file.close()
            raise
    try:
        yield
    finally:
        if not os.fstat(file.fileno()).st_size:
            path.unlink(missing_ok=True)
        file.close()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process after the other look for others, as far as folders can be locked."""
    handle = None
    with suppress(OSError, portalocker.LockException):
        handle = os.open(folder, os.O_RDONLY)
        portalocker.lock(handle, portalocker.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _check_others(folder: Path, own: str, shard: tuple[int, int]) -> None:
    """Refuse a part that shares inputs with one that is being translated.

    Raises:
        ValueError: There is such a part.
    """
    (k, n) = shard
    for name in sorted(os.listdir(folder)):
        found = _LIST.fullmatch(name)
        if found is None or name == own or not _is_held(folder / name):
            continue
        other_k, other_n = int(found[1]), int(found[2])
        if (k - other_k) % gcd(n, other_n) == 0:  # k + i n = other_k + j other_n for some i, j
            same = "is the same part as" if (k, n) == (other_k, other_n) else "shares inputs with"
            raise ValueError(
                f"the shard {k}/{n} {same} {other_k}/{other_n}, which another process is "
                f"translating to {folder} ({name}); wait until that one has ended, or stop it, and "
                "start all shards with the same N and a K of their own"
            )


def _is_held(path: Path) -> bool:
    """Return whether a process adds lines to a list; remove the empty list of a killed one."""
    try:
        handle = open_regular(path, os.O_RDWR)
    except OSError:  # removed meanwhile
        return False
    try:
        portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
        if not os.fstat(handle).st_size:
            with suppress(OSError):
                path.unlink()
    except portalocker.AlreadyLocked:
        return True
    except portalocker.LockException:  # file systems without locks
        return False
    finally:
        os.close(handle)
    return False
