"""The folder of a run: the names of its checkpoints, and the lock that its training holds.

Listing runs takes no more than this, so PyTorch is not imported.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import portalocker

from crossimage.utils.reading import read_text
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.temporary import open_regular, remove_leftovers

CHECKPOINTS = "checkpoints"
"""The folder of a run's checkpoints."""

_NAME = re.compile(r"step-(\d+)\.pt")
_OLD_TEMPORARY = re.compile(r"\..+\.\d+\.tmp", re.DOTALL)  # of versions before 0.2


def checkpoint_path(run: Path, step: int) -> Path:
    """Return the path of a run's checkpoint after ``step`` steps."""
    return run / CHECKPOINTS / f"step-{step:08d}.pt"


def checkpoints_of(run: Path) -> list[tuple[int, Path]]:
    """Return the steps and paths of a run's checkpoints, unchecked, the latest first."""
    folder = run / CHECKPOINTS
    paths = folder.iterdir() if folder.is_dir() else ()
    named = ((_NAME.fullmatch(path.name), path) for path in paths)
    return sorted(((int(name[1]), path) for name, path in named if name), reverse=True)


def newest_checkpoint(run: Path) -> Path | None:
    """Return the checkpoint of a run's latest step, unchecked, or None if there is none."""
    return next((path for _, path in checkpoints_of(run)), None)


_locks: set[int] = set()


def _forget_locks() -> None:
    """Close the locks in a forked child, so that loader workers cannot hold them any longer."""
    for handle in _locks:
        os.close(handle)
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)


class InUseError(ValueError):
    """Another process works in the folder of a run."""


@contextmanager
def lock(run: Path) -> Iterator[None]:
    """Lock a run's folder, and remove temporary files of killed processes.

    The system releases the lock when the process ends, however it ends. If a run has several
    processes, only the first locks the folder.

    Raises:
        InUseError: Another process holds the lock.
        ValueError: The folder cannot be written.
    """
    path = run / ".lock"
    try:
        make_folder(run)
        handle = open_regular(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {error.strerror or error}; choose another --out"
        ) from error
    _locks.add(handle)
    try:
        try:
            portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.AlreadyLocked:
            raise InUseError(
                f"{run} is in use by process {_owner(path)}; "
                "wait for it to end or choose another --out"
            ) from None
        except portalocker.LockException as error:
            raise ValueError(
                f"cannot lock {path}: {error}; choose an --out on another file system"
            ) from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()} on {socket.gethostname()}\n".encode())
        for folder in (run, run / CHECKPOINTS, run / "samples"):
            remove_leftovers(folder)
            for stale in folder.glob(".*.tmp"):
                if _OLD_TEMPORARY.fullmatch(stale.name):
                    stale.unlink(missing_ok=True)
        yield
    finally:
        if handle in _locks:
            _locks.remove(handle)
            os.close(handle)


def is_locked(run: Path) -> bool:
    """Return whether a process works in the folder of a run."""
    path = run / ".lock"
    if not path.is_file():
        return False
    try:
        handle = open_regular(path, os.O_RDWR)
    except OSError:
        return False
    try:
        portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
    except portalocker.AlreadyLocked:
        return True
    except portalocker.LockException:
        return False
    else:
        return False
    finally:
        os.close(handle)


def _owner(lock_file: Path) -> str:
    """Return who holds a lock: the process and its machine."""
    with suppress(OSError):  # on Windows, a locked file cannot be read
        return read_text(lock_file, errors="replace")[:200].strip() or "unknown"
    return "unknown"
