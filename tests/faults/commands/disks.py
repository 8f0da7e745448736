"""Disks that fail while commands write or read: calls of the operating system fail on demand.

A small library, compiled once and preloaded, stands between a process and its system: the calls of
native libraries fail, too.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path

CALLS = ("open", "write", "rename", "fsync", "mkdir", "read")
"""Calls that can fail, in the order of the library: of files that are written, and reads of all."""

ERRORS = {
    "open": (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO, errno.EMFILE),
    "write": (errno.ENOSPC, errno.EIO, errno.EDQUOT),
    "rename": (errno.EIO, errno.EROFS, errno.EACCES, errno.ENOSPC),
    "fsync": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "mkdir": (errno.ENOSPC, errno.EROFS, errno.EACCES),
    "read": (errno.EIO,),
}
"""Errors of each call."""


def library(folder: Path) -> Path | None:
    """Compile the library; return None where there is no compiler, or another system than Linux."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not Path("/proc/self/fd").is_dir():
        return None
    path, source = folder / "shim.so", Path(__file__).with_name("shim.c")
    words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(path), str(source), "-ldl"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return path if done.returncode == 0 else None


@dataclass(frozen=True)
class Fault:
    """A fault of the disk.

    Attributes:
        below: The folder whose files suffer from it.
        call: One of :data:`CALLS`.
        first: The first call that fails, from 0.
        number: The error's number.
        lasting: Whether all later calls fail as well.
    """

    below: Path
    call: str
    first: int
    number: int
    lasting: bool

    def __str__(self) -> str:
        calls = "from call" if self.lasting else "at call"
        return f"{self.call} fails with {errno.errorcode[self.number]} {calls} {self.first}"

    def inject(self) -> None:
        """Have this process suffer from the fault."""
        _shim().fail_calls(
            os.fsencode(self.below), CALLS.index(self.call), self.first, self.number,
            int(self.lasting),
        )  # fmt: skip

    @staticmethod
    def draw(
        chance: random.Random, below: Path, counts: Mapping[str, int], calls: tuple[str, ...]
    ) -> Fault:
        """Draw a fault of a command that makes so many calls."""
        call = chance.choice([one for one in calls if counts.get(one)] or ["write"])
        first = chance.randrange(max(1, counts.get(call, 1)))
        return Fault(below, call, first, chance.choice(ERRORS[call]), chance.random() < 0.5)

    @staticmethod
    def read_counts(path: Path) -> Counter[str]:
        """Return the calls that :func:`count_calls` counted, by name."""
        return Counter(json.loads(path.read_text())) if path.is_file() else Counter()


def count_calls(below: Path, into: Path) -> None:
    """Count the calls below a folder, and write their numbers to a file at the end."""
    if not hasattr(ctypes.CDLL(None), "fail_calls"):
        return
    shim = _shim()
    shim.fail_calls(os.fsencode(below), 0, -1, 0, 0)

    def write() -> None:
        shim.stop_failing()
        counts = {call: shim.counted(number) for number, call in enumerate(CALLS)}
        into.write_text(json.dumps(counts))

    Finalize(None, write, exitpriority=100)


def _shim() -> ctypes.CDLL:
    shim = ctypes.CDLL(None)
    shim.fail_calls.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_long, *[ctypes.c_int] * 2]
    shim.counted.restype = ctypes.c_long
    return shim
