"""Measure how long Python, imports and ``crossimage --help`` take from start to exit.

    python benchmarks/startup.py [ROUNDS]

The last row is a training of munit/outlines, 400 + 400 images, up to the end of its first step and
without the sheet before it. The commands take turns. Prints the median, minimum and maximum wall
time, and the CPU time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import crossimage": ["-c", "import crossimage"],
    "crossimage --help": ["-m", "crossimage", "--help"],
    "import torch": ["-c", "import torch"],
    "modules that translate": ["-c", "import crossimage.inference.translator"],
    "modules that train": ["-c", "import crossimage.training.run"],
}
FIRST_STEP = """
import os, sys
from crossimage.cli.app import main
from crossimage.training.trainer import Trainer

def end(trainer, *step):
    make_step(trainer, *step)
    os._exit(0)

make_step, Trainer.make_step, Trainer._sample = Trainer.make_step, end, lambda trainer: None
main(sys.argv[1:])
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as folder:
        measure(COMMANDS | {"first step": first_step(Path(folder))}, rounds)


def first_step(folder: Path) -> list[str]:
    """Make the data of a training in a folder, and return the arguments of its first step."""
    data = str(folder / "data")
    make = ["data", "make", "outlines", "--count", "400", "--out", data]
    run([sys.executable, "-m", "crossimage", *make])
    train = ["train", "munit/outlines", "--data", data, "--out", str(folder / "run")]
    return ["-c", FIRST_STEP, *train]


def measure(commands: dict[str, list[str]], rounds: int) -> None:
    """Let commands take turns, and print their times."""
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, arguments in commands.items():
            spent = run([sys.executable, *arguments])
            if turn:  # the first round warms the caches
                results[name].append(spent)
    for name, times in results.items():
        elapsed, busy = zip(*times, strict=True)
        print(
            f"{name:24}{statistics.median(elapsed):.3f} s ({min(elapsed):.3f} to "
            f"{max(elapsed):.3f}), {statistics.median(busy):.3f} s of CPU time"
        )


def run(command: list[str]) -> tuple[float, float]:
    """Return the wall time and the CPU time of a command, in seconds."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - began, os.times()
    busy = after.children_user + after.children_system
    return elapsed, busy - before.children_user - before.children_system


if __name__ == "__main__":
    main()
