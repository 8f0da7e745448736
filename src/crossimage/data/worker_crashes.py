"""Loader processes that crash: which file each was reading, and whether to read it again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawArray
from pathlib import Path

from crossimage.data.shards.index import find_member

_PATH_BYTES = 4096
_SIGN = "it ended the process that read it"
_KILLED = ("SIGKILL", "SIGTERM")  # by the system or a user, perhaps not because of the file
_MANY = 3  # crashes without a batch in between
_TRY = """
import sys
from crossimage.data.images.files import decode
try:
    decode(sys.argv[1], 3, (0, 1))
except ValueError:
    pass
"""

_place: memoryview | None = None


class CurrentFiles:
    """Notes which file each loader process is reading, in memory that survives the process.

    Args:
        workers: Number of loader processes.
    """

    def __init__(self, workers: int) -> None:
        self._notes = RawArray("B", workers * _PATH_BYTES)

    def attach(self, worker: int) -> None:
        """Make this process record its files, under its number."""
        global _place
        whole = memoryview(self._notes).cast("B")
        _place = whole[worker * _PATH_BYTES : (worker + 1) * _PATH_BYTES]

    def file_of(self, worker: int) -> str | None:
        """Return the file that a process is, or was, reading; None: none."""
        note = bytes(self._notes[worker * _PATH_BYTES : (worker + 1) * _PATH_BYTES])
        return note.partition(b"\0")[0].decode("utf-8", "surrogateescape") or None

    def clear(self) -> None:
        """Forget all files."""
        memoryview(self._notes).cast("B")[:] = bytes(len(self._notes))


@contextmanager
def recording(path: Path) -> Iterator[None]:
    """Record that this process is reading a file, if it is a loader process."""
    if _place is None:
        yield
        return
    name = str(path).encode("utf-8", "surrogateescape")[: _PATH_BYTES - 1]
    _place[: len(name) + 1] = name + b"\0"
    try:
        yield
    finally:
        _place[0] = 0


class WorkerCrashes:
    """Judges the files that loader processes were reading when they died.

    A file that crashes its reader is deadly at once. A process that was killed may have been
    the victim of something else, so that its file is deadly only the second time.

    Args:
        deadly: Collects the reasons why files are not read again, by path.
    """

    def __init__(self, deadly: dict[str, str]) -> None:
        self._deadly = deadly
        self._killed: Counter[str] = Counter()
        self._in_a_row = 0

    def judge(self, statuses: Mapping[int, int], files: CurrentFiles) -> bool:
        """Note deadly files; return whether loading should go on.

        Args:
            statuses: The exit status of each process that died, by its number.
            files: The files that they were reading.
        """
        self._in_a_row += 1
        for worker, status in statuses.items():
            path, how = files.file_of(worker), _name(status)
            if path is None:
                continue
            self._killed[path] += 1
            if how not in _KILLED or self._killed[path] > 1:
                self._deadly[path] = f"{path} can't be read: {_SIGN} ({how}); repair or remove it"
                self._in_a_row = 0
        return self._in_a_row <= _MANY

    def survived(self) -> None:
        """Note that a batch was loaded."""
        self._in_a_row = 0


def is_deadly(reason: str) -> bool:
    """Return whether a file is unreadable because it ended the process that read it."""
    return _SIGN in reason


def still_deadly(path: Path) -> bool:
    """Return whether reading a file ends a process, by trying it in one of its own."""
    if not path.is_file() and find_member(path) is None:
        return False
    tried = subprocess.run([sys.executable, "-c", _TRY, str(path)], capture_output=True)
    return tried.returncode != 0


def _name(status: int) -> str:
    """Return the name of the signal that ended a process, or its exit status."""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"exit status {status}"
