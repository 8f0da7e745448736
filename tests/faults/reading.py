"""Read damaged files one by one in another process, and say what became of them.

Seconds are those of the processor, since tests share it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path

from tests.faults.image_mutants import PATIENCE, Mutant, Outcome, peak, read_apart, reset_peak

ALTERED = "altered-"
"""Begins the names of files that must not be accepted."""
LONGEST = 2000
"""Characters that a message may have, with the path in it."""
_BATCH = 4000


def check_with(reader: str, batch: Sequence[Mutant], timeout: float = PATIENCE) -> Outcome:
    """Read files in another process with the function ``read`` of a module of this package.

    Args:
        reader: The module's name. Its ``read`` takes a path, and raises ``ValueError`` or
            ``OSError`` for what it refuses.
        batch: The files.
        timeout: Seconds after which a file that is still being read is slow.
    """
    code = f"from tests.faults.reading import _read; _read({reader!r})"
    return read_apart(code, batch, timeout, quiet=False)


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
        outcome = check(list(islice(files, min(_BATCH, options.count - start))))
        total.add(outcome)
        print(f"{total.row()}", flush=True)
        for line in (*outcome.crashes, *outcome.slow, *outcome.errors)[:50]:
            print(line, flush=True)
    sys.exit(bool(total.failed))
