"""Run commands undisturbed and disturbed, and say what is wrong with how they ended."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.faults.commands.disks import Fault, count_calls
from tests.faults.commands.world import COMMANDS, RESULTS, World, results
from tests.faults.harness import PATIENCE, start

_FIRST = 2 * PATIENCE
SKIPPED = 3
"""Exit status of a command that left results out, and named them."""


class Bench:
    """Commands, each with what it writes undisturbed.

    Args:
        folder: Folder of the inputs and the results.
        seed: Seed of all choices.
        names: The commands; empty: all.
        world: Folder of the inputs; by default one below ``folder``.
        reads: Count the reads of the inputs instead of the calls in the place of the results.
    """

    def __init__(
        self, folder: Path, seed: int, names: tuple[str, ...] = (), world: Path | None = None,
        reads: bool = False,
    ) -> None:  # fmt: skip
        self.random, self.folder, self.reads = random.Random(seed), folder, reads
        self.world = World(world or folder / "world")
        self.names = names or tuple(COMMANDS)
        self.whole: dict[str, dict[str, str]] = {}
        self.old: dict[str, dict[str, str]] = {}
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, Counter[str]] = {}
        self._number = 0

    def choose(self) -> str:
        """Choose a command, and run it once undisturbed, unless that was done."""
        name = self.random.choice(self.names)
        if name not in self.whole:
            self._measure(name)
        return name

    def place(self, name: str) -> Path:
        """Return a new place for a command; every second one holds earlier results."""
        self._number += 1
        place = self.folder / "places" / str(self._number)
        shutil.rmtree(place, ignore_errors=True)
        earlier = self.folder / "earlier" / name
        if COMMANDS[name].before and self.random.random() < 0.5:
            shutil.copytree(earlier, place)
        else:
            for below in (RESULTS, "temporary", "cache"):
                (place / below).mkdir(parents=True)
        return place

    def patience(self, name: str) -> float:
        """Return the seconds within which a command ends; more where the machine is busy."""
        return max(PATIENCE, 4 * self.seconds.get(name, _FIRST))

    def start(
        self, name: str, place: Path, prepare: Callable[[], object] | None = None,
        before: bool = False,
    ) -> ForkServerProcess:  # fmt: skip
        """Start a command in a place."""
        command = COMMANDS[name]
        words = command.before if before else command.words
        assert words
        environment = {
            "TMPDIR": str(place / "temporary"), "XDG_CACHE_HOME": str(place / "cache"),
            "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        arguments = [str(word) for word in words(self.world, place / RESULTS)]
        both = partial(_both, command.prepare, prepare)
        return start(arguments, said_by(place), environment, both)

    def finish(self, name: str, place: Path, before: bool = False) -> str:
        """Run a command undisturbed; return what is wrong with how it ended."""
        with said_by(place).open("w"):
            pass
        process = self.start(name, place, before=before)
        process.join(self.patience(name))
        code, said = process.exitcode, said_by(place).read_text(errors="replace")
        process.kill()
        process.join()
        if code != 0:
            return f"run again: exit code {code}: {said[-300:]}"
        return "run again: a traceback is printed" if "Traceback" in said else ""

    def complete(self, name: str, place: Path) -> bool:
        """Return whether a command's results are there, as of an undisturbed run."""
        there = {key: one for key, one in results(place).items() if ".parts/" not in key}
        return there == self.whole[name]

    def again(self, name: str, place: Path) -> str:
        """Run a command again after a fault; return how its results differ, and what is left."""
        complete = self.complete(name, place)
        problem = self.finish(name, place)
        if problem and not complete:  # some commands replace nothing that is complete
            return problem
        found, whole = results(place), self.whole[name]
        differ = sorted(key for key in found | whole if found.get(key) != whole.get(key))
        if differ:
            return f"run again: {', '.join(differ[:4])} differ"
        return f"run again: {left}" if (left := self.leftovers(place)) else ""

    def leftovers(self, place: Path) -> str:
        """Name the temporary files in a place."""
        left = [path.relative_to(place) for path in place.rglob("*.tmp")]
        left += [path.relative_to(place) for path in (place / "temporary").iterdir()]
        return f"left behind: {', '.join(map(str, sorted(left)[:4]))}" if left else ""

    def torn(self, name: str, place: Path) -> str:
        """Name the files in a place that are neither earlier results nor complete new ones."""
        allowed = set(self.whole[name].items()) | set(self.old.get(name, {}).items())
        allowed |= set(results(self.world.folder).items())  # the study that votes are added to
        try:
            found = results(place)
        except Exception as error:  # noqa: BLE001  # of a reader of damaged files
            return f"a file can't be read: {error}"
        torn = [
            key for key, value in found.items()
            if (key, value) not in allowed and ".parts/" not in key and ".tmp/" not in key
            and not key.endswith((".tmp", ".jsonl"))
        ]  # fmt: skip
        return f"neither old nor new: {', '.join(torn[:4])}" if torn else ""

    def drop(self, place: Path) -> None:
        """Remove a place in which all was well."""
        shutil.rmtree(place, ignore_errors=True)

    def _measure(self, name: str) -> None:
        if COMMANDS[name].before:
            earlier = self.folder / "earlier" / name
            if not earlier.exists():
                for below in (RESULTS, "temporary", "cache"):
                    (earlier / below).mkdir(parents=True)
                problem = self.finish(name, earlier, before=True)
                assert not problem, f"{name}, undisturbed: {problem}"
            self.old[name] = results(earlier)
        place = self.folder / "whole" / name
        shutil.rmtree(place, ignore_errors=True)
        for below in (RESULTS, "temporary", "cache"):
            (place / below).mkdir(parents=True)
        began = time.monotonic()
        counts = place.with_name(f"{name} calls.json")
        watched = self.world.folder if self.reads else place
        process = self.start(name, place, partial(count_calls, watched, counts))
        process.join(self.patience(name))
        self.seconds[name] = time.monotonic() - began
        said = said_by(place).read_text(errors="replace")
        assert process.exitcode == 0, f"{name}, undisturbed: {process.exitcode}: {said[-800:]}"
        left = self.leftovers(place)
        assert not left, f"{name}, undisturbed: {left}"
        self.whole[name] = results(place)
        self.calls[name] = Fault.read_counts(counts)

    def kill(self, name: str, process: ForkServerProcess, place: Path, number: int) -> bool:
        """Send a signal at a random moment; return whether the command was still running."""
        if self.random.random() < 0.5:
            wanted, seen = self.random.randint(1, 6), {*_entries(place)}
            changes = 0
            while process.is_alive() and changes < wanted:
                now = {*_entries(place)}
                changes += now != seen
                seen = now
                time.sleep(0.0005)
            time.sleep(self.random.uniform(0, 0.01))
        else:
            time.sleep(self.random.uniform(0, 0.7 * self.seconds[name]))
        if not process.is_alive():
            return False
        with suppress(ProcessLookupError):
            assert process.pid
            os.kill(process.pid, number)
        return True


def said_by(place: Path) -> Path:
    """Return the file of what a command in a place prints."""
    return place.with_name(f"{place.name}.txt")


def printed(place: Path) -> str:
    """Return what a command in a place has printed."""
    said = said_by(place)
    return said.read_text(errors="replace") if said.exists() else ""


def _both(*functions: Callable[[], object] | None) -> None:
    for function in functions:
        if function:
            function()


def _entries(place: Path) -> list[str]:
    found = []
    for folder, _, names in os.walk(place / RESULTS):
        found += [folder, *(os.path.join(folder, name) for name in names)]
    return found
