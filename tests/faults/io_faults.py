"""Disks that fail at random moments of a run: no room, errors, short writes.

Calls of the operating system fail from some call on, as those of a full or broken disk do; a limit
on the size of files cuts writes short, those of native code, too. Each run ends with a sentence or
finishes, and is then continued without faults: its end must be that of an undisturbed run.

To run it by hand, from the root of the repository::

    python -m tests.faults.io_faults --count 100 --seed 3
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count as counter
from itertools import islice
from pathlib import Path
from typing import Any

from tests.conftest import small
from tests.faults.harness import PATIENCE, start, train_command, trained
from tests.faults.image_mutants import Outcome
from tests.faults.kills import make_data

CALLS = ("replace", "fsync", "open", "mkdir", "limit")
"""Calls of :mod:`os` that fail; ``limit``: writes beyond a size of file."""
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
SETTINGS = small(steps=6, save_every=1, keep=2, sample_every=2, log_every=1)


@dataclass(frozen=True)
class Fault:
    """A fault of the disk.

    Attributes:
        call: One of :data:`CALLS`.
        number: The error's number.
        first: The first call that fails, from 0; for ``limit``, the largest file in bytes.
        lasting: Whether all later calls fail as well.
    """

    call: str
    number: int
    first: int
    lasting: bool

    def __str__(self) -> str:
        if self.call == "limit":
            return f"files of at most {self.first} bytes"
        calls = "from call" if self.lasting else "at call"
        return f"{self.call} fails with {errno.errorcode[self.number]} {calls} {self.first}"

    def inject(self) -> None:
        """Have this process suffer from the fault."""
        if self.call == "limit":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.first, resource.RLIM_INFINITY))
            return
        setattr(os, self.call, partial(_call, getattr(os, self.call), self, counter()))


def _call(real: Any, fault: Fault, calls: Iterator[int], *args: Any, **keywords: Any) -> Any:
    if fault.call == "open" and not _writes(args, keywords):
        return real(*args, **keywords)
    number = next(calls)
    if number == fault.first or fault.lasting and number > fault.first:
        path = args[0] if args and isinstance(args[0], str | os.PathLike) else None
        raise OSError(fault.number, os.strerror(fault.number), path)
    return real(*args, **keywords)


def _writes(args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    flags = keywords.get("flags", args[1] if len(args) > 1 else 0)
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


def faults(seed: int) -> Iterator[Fault]:
    """Yield faults without end."""
    moments = random.Random(seed)
    while True:
        call = moments.choice(CALLS)
        most = {"replace": 40, "fsync": 25, "open": 30, "mkdir": 5, "limit": 0}[call]
        first = int(10 ** moments.uniform(3.7, 5.5)) if call == "limit" else moments.randrange(most)
        yield Fault(call, moments.choice(ERRORS), first, moments.random() < 0.5)


def outcomes(folder: Path, seed: int) -> Iterator[tuple[Fault, str]]:
    """Run with each fault, continue without; yield what is wrong with the end, or nothing."""
    make_data("munit", folder / "data")
    process = start(train_command(folder / "data", folder / "whole", SETTINGS))
    process.join(PATIENCE)
    assert process.exitcode == 0
    whole = trained(folder / "whole")
    for number, fault in enumerate(faults(seed)):
        yield fault, _problem(folder / f"run-{number}", folder / "data", fault, whole)


def _problem(out: Path, data: Path, fault: Fault, whole: dict[str, str]) -> str:
    said, command = out.with_suffix(".txt"), train_command(data, out, SETTINGS)
    with said.open("w"):
        pass
    process = start(command, said, prepare=fault.inject)
    process.join(PATIENCE)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
        return f"still running after {PATIENCE} s"
    text = said.read_text(errors="replace")
    if code not in (0, 2) or "Traceback" in text:
        return f"exit code {code}: {text[-400:]}"
    if code == 2 and "\ncrossimage: " not in f"\n{text}":
        return f"no sentence: {text[-400:]}"
    process = start(command, said)
    process.join(PATIENCE)
    if process.exitcode != 0:
        return f"continued: exit code {process.exitcode}: {said.read_text()[-400:]}"
    found = trained(out)
    return "".join(f"{key} differs; " for key in whole if found.get(key) != whole[key])


def check(folder: Path, seed: int, count: int) -> Outcome:
    """Try faults of the disk; each run must end as :func:`outcomes` says."""
    outcome = Outcome()
    for fault, problem in islice(outcomes(folder, seed), count):
        outcome.tried += 1
        if problem:
            outcome.errors.append(f"{fault}: {problem}")
    return outcome


def main() -> int:
    """Try as many faults as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        found = islice(outcomes(Path(folder), options.seed), options.count)
        for number, (fault, problem) in enumerate(found, 1):
            failures += bool(problem)
            print(f"{number:4}  {fault}: {problem or 'ok'}", flush=True)
    print(f"{options.count} faults, {failures} failed")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
