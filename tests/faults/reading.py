"""Read damaged files one by one in another process, and say what became of them.

Seconds are those of the processor, since tests share it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.image_mutants import SLOW, Mutant, Outcome, peak, reset_peak

ALTERED = "altered-"
"""Begins the names of files that must not be accepted."""
LONGEST = 2000
"""Characters that a message may have, with the path in it."""
_BATCH = 1000


def check_with(reader: str, batch: Sequence[Mutant], timeout: float = 600.0) -> Outcome:
    """Read files in another process with the function ``read`` of a module of this package.

    Args:
        reader: The module's name. Its ``read`` takes a path, and raises ``ValueError`` or
            ``OSError`` for what it refuses.
        batch: The files.
        timeout: Seconds after which a file that is still being read is slow.
    """
    outcome = Outcome(len(batch))
    with TemporaryDirectory() as given:
        folder = Path(given)
        for name, data in batch:
            (folder / name).write_bytes(data)
        names = [name for name, _ in batch]
        while names:
            names = names[_run(reader, folder, names, outcome, timeout) :]
    return outcome


def _run(reader: str, folder: Path, names: Sequence[str], outcome: Outcome, timeout: float) -> int:
    log = folder / ".log"
    log.write_text("")
    command = f"from tests.faults.reading import _read; _read({reader!r})"
    with (folder / ".printed").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=printed, stderr=printed
        )
        status: int | str
        try:
            process.communicate(json.dumps([str(folder), names]).encode(), timeout)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = "still reading"
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    for entry in entries:
        outcome.read += entry["read"]
        outcome.memory = max(outcome.memory, entry["memory"])
        outcome.seconds = max(outcome.seconds, entry["seconds"])
        if entry["seconds"] > SLOW:
            outcome.slow.append(f"{entry['name']}: {entry['seconds']:.1f} s")
        if entry["error"]:
            outcome.errors.append(f"{entry['name']}: {entry['error']}")
    if status == 0 or len(entries) == len(names):
        return len(names)
    printed_text = (folder / ".printed").read_text(errors="replace")
    (outcome.slow if isinstance(status, str) else outcome.crashes).append(
        f"{names[len(entries)]}: {status} {printed_text[-300:]}"
    )
    return len(entries) + 1


def _read(reader: str) -> None:
    """Read the files that stdin names, and log each."""
    import warnings

    read: Callable[[Path], object] = import_module(f"tests.faults.{reader}").read
    given, names = json.load(sys.stdin)
    folder = Path(given)
    warnings.simplefilter("ignore")

    import_module(f"tests.faults.{reader}").warm_up()
    idle = reset_peak()
    with (folder / ".log").open("a") as log:
        for name in names:
            start, error, accepted = time.process_time(), "", False
            try:
                read(folder / name)
                accepted = True
                if name.startswith(ALTERED):
                    error = "an altered file was accepted"
            except (ValueError, OSError) as refusal:
                if len(str(refusal)) > LONGEST or "\n" in str(refusal):
                    error = f"{type(refusal).__name__} of {len(str(refusal))} characters"
                elif name not in str(refusal):
                    error = f"the file is not named: {str(refusal)[:200]}"
            except BaseException as fault:
                error = f"{type(fault).__name__}: {str(fault)[:200]}"
            entry = {
                "name": name, "read": accepted, "error": error, "memory": peak() - idle,
                "seconds": time.process_time() - start,
            }  # fmt: skip
            log.write(json.dumps(entry) + "\n")
            log.flush()


def run(
    description: str,
    mutants: Callable[[int], Iterator[Mutant]],
    check: Callable[[Sequence[Mutant]], Outcome],
) -> None:
    """Try any number of files from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    total, files = Outcome(), mutants(options.seed)
    for start in range(0, options.count, _BATCH):
        total.add(check(list(islice(files, min(_BATCH, options.count - start)))))
        print(f"{total.row()}", flush=True)
    for line in (*total.crashes, *total.slow, *total.errors)[:50]:
        print(line)
    sys.exit(bool(total.failed))
