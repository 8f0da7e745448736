"""Which processes of a run have started on this machine, and which of them have ended.

A process that is killed before it has joined the others says nothing, and nothing connects it with
them. So each holds a lock on a file of its own, which the kernel releases when it ends; the others
see a file without a lock. It is taken before anything else is imported (:func:`announce`).

No number occurs twice in a run: a process that finds a file of its own number without a lock knows
that an earlier run has ended, and removes what that run left.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from crossimage.utils.machine.slurm import adopt_slurm_tasks

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STARTED_BY = "CROSSIMAGE_FIRST_PROCESS"
"""Environment variable with the number of the process that starts the others on this machine."""
_TOGETHER = 30.0
"""Seconds within which the processes of a run start; files from earlier belong to earlier runs."""
_TRIES = 5
_SUFFIX = ".process"
_HELD: dict[tuple[str, int], Lock] = {}  # of this process, by run and number


@dataclass(frozen=True)
class Lock:
    """A file that this process has locked.

    Attributes:
        folder: Folder of the files of all processes of the run, which only this user can open.
        name: Its name, which begins with the number of this process on this machine.
        handle: The open file.
        since: When it was locked, in seconds since 1970.
    """

    folder: Path
    name: str
    handle: int
    since: float

    def remove(self) -> None:
        """Remove the file, so that the others do not miss this process, and unlock it."""
        with suppress(OSError):
            (self.folder / self.name).unlink()
        with suppress(OSError):
            os.close(self.handle)
        with suppress(OSError):
            self.folder.rmdir()  # by the last one


class LocalProcesses:
    """The processes of one run on this machine.

    Args:
        lock: The lock of this process.
    """

    def __init__(self, lock: Lock) -> None:
        self._lock, self._seen = lock, set[str]()

    def ended(self) -> int | None:
        """Return the number of a process that ended early; None if all that started go on.

        It is the number that :func:`number_here` gives.
        """
        earliest = self._lock.since - _TOGETHER
        for path in self._lock.folder.glob(f"*{_SUFFIX}"):
            if path.name == self._lock.name:
                continue
            with suppress(OSError):
                began = path.stat().st_mtime
                if _is_held(path):
                    self._seen.add(path.name)
                # one that ends without an error removes its file first
                elif path.exists() and (path.name in self._seen or began > earliest):
                    return _number_of(path)
        return None


def number_here(facts: Mapping[str, str]) -> int:
    """Return a number that no other process of the run has on this machine, from its environment.

    It is the number in the run, or counts from the first process of the machine.
    """
    machine = facts.get("NODE_RANK", facts.get("GROUP_RANK", "0"))
    return int(facts.get("RANK", facts.get("LOCAL_RANK", machine)))


def run_of(facts: Mapping[str, str]) -> str | None:
    """Return what the processes of a run have in common, and no other run, from the environment.

    None: the process is the only one, or another one on this machine started it.
    """
    if STARTED_BY in facts or not {"MASTER_ADDR", "MASTER_PORT"} <= {*facts}:
        return None
    again = facts.get("TORCHELASTIC_RESTART_COUNT", 0)
    return f"{facts['MASTER_ADDR']} {facts['MASTER_PORT']} crossimage/ties/{again}"


def announce() -> None:
    """Let the other processes of a run know of this one, as the first thing that it does."""
    with suppress(ValueError, OSError):  # of the environment, which is checked later
        adopt_slurm_tasks()
        if run := run_of(os.environ):
            _hold(run, number_here(os.environ))


def leave() -> None:
    """Remove this process from those that are missed when they end: it ends without an error."""
    while _HELD:
        _HELD.popitem()[1].remove()


@contextmanager
def present(number: int, run: str) -> Iterator[LocalProcesses | None]:
    """Let the other processes of a run on this machine know of this one; yield what it knows.

    Args:
        number: Number of this process, unlike those of all others on this machine.
        run: What its processes have in common, and no other run.

    Yields:
        The processes; None where the system has no locks, or the folder belongs to someone else.
    """
    try:
        lock = _HELD.get((run, number)) or _hold(run, number)
    except OSError:
        lock = None
    yield None if lock is None else LocalProcesses(lock)  # after an error the file stays
    if lock is not None:
        _HELD.pop((run, number), None)
        lock.remove()


def _hold(run: str, number: int) -> Lock | None:
    """Make and lock a file, which has its name from the moment that it is locked."""
    if fcntl is None:
        return None
    digest = hashlib.sha256(run.encode(errors="surrogateescape")).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"crossimage-run-{digest}"
    for _ in range(_TRIES):  # the last process of an earlier run may just remove the folder
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        with suppress(FileNotFoundError):
            facts = folder.lstat()
            own = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
            if not own or facts.st_mode & 0o077:
                return None
            lock = _lock_in(folder, number)
            _HELD[run, number] = lock
            return lock
    return None


def _lock_in(folder: Path, number: int) -> Lock:
    alone = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX)  # one process at a time
        _remove_earlier(folder, number)
        name = f"{number}-{secrets.token_hex(8)}{_SUFFIX}"
        before = folder / f".{name}"
        handle = os.open(before, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        before.rename(folder / name)
    finally:
        os.close(alone)
    return Lock(folder, name, handle, time.time())


def _remove_earlier(folder: Path, number: int) -> None:
    """Remove the files of earlier runs."""
    left = [path for path in folder.glob(f"*{_SUFFIX}") if _is_left(path)]
    ended = any(_number_of(path) == number for path in left)
    for path in left:
        with suppress(OSError):
            if ended or path.stat().st_mtime < time.time() - _TOGETHER:
                path.unlink()


def _is_left(path: Path) -> bool:
    with suppress(OSError):
        return not _is_held(path)
    return False


def _number_of(path: Path) -> int:
    return int(path.name.partition("-")[0])


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
    """Close the files in a forked process, which would keep the locks for its parent."""
    for lock in _HELD.values():
        with suppress(OSError):
            os.close(lock.handle)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
