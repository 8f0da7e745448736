"""Kill tiny runs of every method in every stage, of one and of two processes, and continue them.

To run it by hand, from the root of the repository::

    python -m tests.faults.kills --count 100 --seed 3
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
from PIL import Image

from crossimage.methods import METHODS
from tests.conftest import small
from tests.faults.harness import PATIENCE, await_saves, compare, start, start_two, train_command
from tests.faults.image_mutants import Outcome

STEPS = 6
"""Steps of a run; the second stages of all methods begin within them."""
TWO = 0.25
"""Share of the runs that have two processes."""


@dataclass(frozen=True)
class Kill:
    """A run that was killed and continued.

    Attributes:
        method: The method's name.
        processes: Number of processes of the run.
        save: Which save it waited for; 0: none.
        problem: Why the continued run is not the uninterrupted one; empty if it is.
        hit: Whether the run was still going when it was killed.
    """

    method: str
    processes: int
    save: int
    problem: str
    hit: bool

    def __str__(self) -> str:
        moment = f"in save {self.save}" if self.save else "at a random time"
        missed = "" if self.hit else ", which had ended"
        return (
            f"{self.method}, {self.processes} processes, {moment}{missed}: {self.problem or 'ok'}"
        )


def kills(folder: Path, seed: int, methods: tuple[str, ...] = tuple(METHODS)) -> Iterator[Kill]:
    """Kill runs of all methods in turn, without end.

    Args:
        folder: Folder of the data and the runs.
        seed: Seed of the moments.
        methods: Names of the methods.
    """
    moments, whole, number = random.Random(seed), {}, 0
    while True:
        for method in methods:
            number += 1
            processes = 2 if moments.random() < TWO else 1
            data = folder / f"data-{method}"
            if not data.is_dir():
                make_data(method, data)
            if (method, processes) not in whole:
                began = time.monotonic()
                out = folder / f"{method}-{processes}"
                problem = _end(_start(method, data, out, processes), out)
                whole[method, processes] = time.monotonic() - began
                if problem:
                    raise AssertionError(f"{method}, undisturbed: {problem}")
            out = folder / f"killed-{number}"
            save = moments.choice((0, *range(1, STEPS + 1)))
            running = _start(method, data, out, processes)
            if save:
                await_saves(out / "checkpoints", save, running[0].is_alive)
                time.sleep(moments.uniform(0, 0.01))
            else:
                time.sleep(moments.uniform(0, whole[method, processes]))
            victims = moments.choice((running, running[:1], running[-1:]))
            for process in victims:
                process.kill()
            for process in running:  # the survivor ends of its own accord
                process.join(PATIENCE)
            hit = any(process.exitcode == -9 for process in victims)
            problem = ""
            if any(process.exitcode is None for process in running):
                problem = f"a process goes on {PATIENCE} s after the other was killed"
                for process in running:
                    process.kill()
                    process.join()
            else:
                problem = _end(_start(method, data, out, processes), out)
            if not problem:
                try:
                    compare(folder / f"{method}-{processes}", out)
                except AssertionError as error:
                    problem = str(error)
            yield Kill(method, processes, save, problem, hit)


def _start(method: str, data: Path, out: Path, processes: int) -> list[ForkServerProcess]:
    settings = small(method, steps=STEPS, save_every=1, keep=2, log_every=1, ema_decay=0.9)
    command = train_command(data, out, settings, method)
    said = out.with_suffix(".txt")
    return start_two(command, said) if processes == 2 else [start(command, said)]


def _end(running: list[ForkServerProcess], out: Path) -> str:
    """Wait for processes to end; return what is wrong with how they did."""
    for process in running:
        process.join(PATIENCE)
    codes = [process.exitcode for process in running]
    for process in running:
        process.kill()
        process.join()
    said = out.with_suffix(".txt").read_text(errors="replace")
    if any(codes) or None in codes:
        return f"exit codes {codes}: {said[-300:]}"
    return "a traceback is printed" if "Traceback" in said else ""


def make_data(method: str, folder: Path) -> None:
    """Make a few images that a method can be trained on."""
    of = METHODS[method]
    generator = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 3)):
        for domain in "AB":
            for i in range(count):
                below, part = f"{split}{domain}", "xyz"[i % 3]
                if of.labelled:
                    below += "" if below == "trainB" else f"/{part}"
                elif of.layout in ("labelled", "classes"):
                    below = f"{split}/{part}"
                elif of.layout == "class_pairs":
                    kind = "photos" if domain == "B" else ("sketches", "edges")[i // 2 % 2]
                    below = f"{split}/{kind}/{part if part != 'z' else 'x'}"
                pair = of.layout in ("paired", "class_pairs")
                path = folder / below / f"{'' if pair else domain}{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = generator.integers(0, 256, (20 + 4 * (i % 3), 24, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(path)


def check(
    folder: Path, seed: int, count: int, methods: tuple[str, ...] = tuple(METHODS)
) -> Outcome:
    """Kill runs until ``count`` kills hit one that was going on; continue and compare each."""
    outcome = Outcome()
    for kill in kills(folder, seed, methods):
        outcome.tried += kill.hit
        if kill.problem:
            outcome.errors.append(str(kill))
        if outcome.tried >= count:
            break
    return outcome


def main() -> int:
    """Kill as many times as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    options = parser.parse_args()
    hits = failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for kill in kills(Path(folder), options.seed, tuple(options.methods)):
            hits, failures = hits + kill.hit, failures + bool(kill.problem)
            print(f"{hits:4}  {kill}", flush=True)
            if hits >= options.count:
                break
    print(f"{hits} kills, {failures} failed")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
