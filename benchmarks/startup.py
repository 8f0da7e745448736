"""Seconds that Python, ``import crossimage`` and ``crossimage --help`` take to start and end.

    python benchmarks/startup.py [ROUNDS]

They take turns; printed are the median, the fastest and the slowest, and the processor's time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import crossimage": ["-c", "import crossimage"],
    "crossimage --help": ["-m", "crossimage", "--help"],
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for turn in range(rounds + 1):
        for name, arguments in COMMANDS.items():
            spent = run([sys.executable, *arguments])
            if turn:  # the first one fills caches
                found[name].append(spent)
    for name, times in found.items():
        elapsed, busy = zip(*times, strict=True)
        print(
            f"{name:20}{statistics.median(elapsed):.3f} s ({min(elapsed):.3f} to "
            f"{max(elapsed):.3f}), {statistics.median(busy):.3f} s of the processor"
        )


def run(command: list[str]) -> tuple[float, float]:
    """Seconds that passed, and seconds of the processor."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - began, os.times()
    busy = after.children_user + after.children_system
    return elapsed, busy - before.children_user - before.children_system


if __name__ == "__main__":
    main()
