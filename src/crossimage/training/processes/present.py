"""Which processes of a run have started on this machine, and which of them have ended.

A process that is killed before it has joined the others says nothing, and nothing connects it with
them. So each holds a lock on a file of its own from its start, which the kernel releases when it
ends; the others see a file without a lock.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_TOGETHER = 10.0
"""Seconds within which the processes of a run start; files from earlier belong to earlier runs."""
_SUFFIX = ".process"
_HELD: set[int] = set()  # open files


class Present:
    """The processes of one run on this machine.

    Args:
        folder: Folder of their files, which only this user can open.
        own: Name of this process's file.
    """

    def __init__(self, folder: Path, own: str) -> None:
        self._folder, self._own = folder, own
        self._began, self._seen = time.time(), set[str]()

    def ended(self) -> int | None:
        """Return the number of a process that ended early; None if all that started go on."""
        for path in self._folder.glob(f"*{_SUFFIX}"):
            if path.name == self._own:
                continue
            with suppress(OSError):
                began = path.stat().st_mtime
                if _is_held(path):
                    self._seen.add(path.name)
                # one that ends without an error removes its file first
                elif path.exists() and (path.name in self._seen or began > self._began - _TOGETHER):
                    return int(path.name.partition("-")[0])
        return None


@contextmanager
def present(rank: int, run: str) -> Iterator[Present | None]:
    """Let the other processes of a run on this machine know of this one; yield what it knows.

    Args:
        rank: Number of this process.
        run: What its processes have in common, and no other run.

    Yields:
        The processes; None where the system has no locks, or the folder belongs to someone else.
    """
    digest = hashlib.sha256(run.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"crossimage-run-{digest}"
    own = f"{rank}-{secrets.token_hex(8)}{_SUFFIX}"
    try:
        file = _hold(folder, own)
    except OSError:
        file = None
    if file is None:
        yield None
        return
    yield Present(folder, own)  # after an error the file stays, which tells the others
    with suppress(OSError):
        (folder / own).unlink()
    _HELD.discard(file)
    os.close(file)
    with suppress(OSError):
        folder.rmdir()  # by the last one


def _hold(folder: Path, name: str) -> int | None:
    """Make and lock a file, which has its name from the moment that it is locked."""
    if fcntl is None:
        return None
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        return None
    for path in folder.glob(f"*{_SUFFIX}"):  # of earlier runs
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _TOGETHER and not _is_held(path):
                path.unlink()
    before = folder / f".{name}"
    file = os.open(before, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    _HELD.add(file)
    fcntl.flock(file, fcntl.LOCK_EX)
    before.rename(folder / name)
    return file


def _is_held(path: Path) -> bool:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _forget() -> None:
    """Close the file in a forked process, which would keep the lock for its parent."""
    for file in _HELD:
        with suppress(OSError):
            os.close(file)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
