"""Compare two commands side by side with the same two one after the other.

    python benchmarks/side_by_side.py [RECIPE] [--steps N] [--threads N]

The pairs are two trainings of the recipe, and a training with a translation of images by its model.
Both commands choose their threads themselves, unless --threads sets them. Prints the seconds until
both are done, the ratio, what the commands said about their threads, and how many cores other
programs used meanwhile: if these are not few, the ratio says little. OMP_NUM_THREADS must not be
set.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from crossimage.utils.machine.cores import Load

CROSSIMAGE = [sys.executable, "-m", "crossimage"]
IMAGES = 400


class Pair:
    """Two commands whose time is measured.

    Args:
        name: What they are.
        commands: Returns their arguments, by a name for what they write.
    """

    def __init__(self, name: str, *commands: Sequence[str]) -> None:
        self.name, self.commands, self.made = name, commands, 0

    def measure(self, folder: Path) -> None:
        """Run them both ways and print the seconds."""
        load = Load()
        after = self._seconds(folder, together=False)
        beside = self._seconds(folder, together=True)
        others = load.others()
        print(f"{self.name}: one after the other {after:.1f} s, side by side {beside:.1f} s")
        print(f"ratio {beside / after:.2f}; others kept {others:.1f} cores busy", flush=True)

    def _seconds(self, folder: Path, together: bool) -> float:
        began = time.perf_counter()
        running = []
        for command in self.commands:
            self.made += 1
            out = folder / f"{self.name.replace(' ', '-')}-{self.made}"
            process = subprocess.Popen(
                [*CROSSIMAGE, *command, "--out", str(out)],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            running.append(process)
            if not together:
                finish(process)
        for process in running if together else ():
            finish(process)
        return time.perf_counter() - began


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a command, and print what it says about its threads."""
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(said)
    for sentence in re.findall(r"computing with .*", said):
        print(f"    {sentence}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("recipe", nargs="?", default="munit/outlines")
    parser.add_argument("--steps", type=int, default=100, help="of each training")
    parser.add_argument("--threads", type=int, help="of each command; by default its own choice")
    options = parser.parse_args()
    if "OMP_NUM_THREADS" in os.environ:
        raise SystemExit("unset OMP_NUM_THREADS, so that commands choose their threads")
    setting = [f"threads={options.threads}"] if options.threads else []
    option = ["--threads", str(options.threads)] if options.threads else []
    with TemporaryDirectory() as name:
        folder = Path(name)
        data, model = folder / "data", folder / "model"
        make = ["data", "make", "outlines", "--out", str(data), "--count", str(IMAGES)]
        subprocess.run([*CROSSIMAGE, *make], check=True, stdout=subprocess.DEVNULL)
        training = [
            "train", options.recipe, "--data", str(data), f"steps={options.steps}", "decay_steps=0",
            *setting,
        ]  # fmt: skip
        short = [*training, "steps=1", "--out", str(model)]
        subprocess.run([*CROSSIMAGE, *short], check=True, stdout=subprocess.DEVNULL)
        images = next(path for path in sorted(data.rglob("*")) if path.name.startswith("trainA"))
        translating = ["translate", str(model), str(images), "--samples", "4", *option]
        Pair("two trainings", training, training).measure(folder)
        Pair("training and translation", training, translating).measure(folder)


if __name__ == "__main__":
    main()
