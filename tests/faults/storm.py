"""The campaign: hostile files, special files and kills, for as long as you like.

``python -m tests.faults.storm --minutes 60`` prints one table: what was tried, what did harm, and
the most memory and time that one file took. The exit status is 1 if anything did harm.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults import (
    fuzz,
    image_mutants,
    import_mutants,
    io_faults,
    kills,
    model_mutants,
    special_files,
    text_mutants,
)
from tests.faults.archives import mutants as archives
from tests.faults.commands import trials
from tests.faults.crafted import arrays, digits, tables, tars, tensors, yamls
from tests.faults.harness import Victims
from tests.faults.image_mutants import Mutant, Outcome

_BATCH = 400
_KILLS = 20

Files = tuple[Callable[[int], Iterator[Mutant]], Callable[[Sequence[Mutant]], Outcome]]
FILES: dict[str, Files] = {
    "images": (image_mutants.mutants, image_mutants.check),
    "models and checkpoints": (model_mutants.mutants, model_mutants.check),
    "archives": (archives.mutants, archives.check),
    "imports": (import_mutants.mutants, import_mutants.check),
    "recipes and tables": (text_mutants.mutants, text_mutants.check),
    "crafted tensors": (tensors.mutants, tensors.check),
    "crafted tar files": (tars.mutants, tars.check),
    "crafted YAML": (yamls.mutants, yamls.check),
    "crafted tables": (tables.mutants, tables.check),
    "crafted arrays": (arrays.mutants, arrays.check),
    "crafted digits": (digits.mutants, digits.check),
}


@dataclass
class Storm:
    """The outcome of each kind of fault so far.

    Attributes:
        outcomes: By kind.
        notes: What was not tried, and why.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, outcome: Outcome) -> None:
        """Add an outcome to those of its kind."""
        self.outcomes.setdefault(kind, Outcome()).add(outcome)

    @property
    def failed(self) -> bool:
        """Whether anything did harm."""
        return any(outcome.failed for outcome in self.outcomes.values())

    def table(self) -> Table:
        """Return the table of all kinds."""
        table = Table("kind", title="Faults")
        for name in ("tried", "read", "crashes", "over 10 s", "no sentence", "worst MB", "worst s"):
            table.add_column(name, justify="right")
        for kind, o in self.outcomes.items():
            table.add_row(
                kind, f"{o.tried:,}", f"{o.read:,}", str(len(o.crashes)), str(len(o.slow)),
                str(len(o.errors)), f"{o.memory / 2**20:.0f}", f"{o.seconds:.1f}",
            )  # fmt: skip
        return table

    def harm(self) -> list[str]:
        """Return what did harm, line by line."""
        return [
            f"{kind}: {line}"
            for kind, o in self.outcomes.items()
            for line in (*o.crashes, *o.slow, *o.errors)
        ]


def rage(minutes: float, seed: int, kinds: Sequence[str]) -> Storm:
    """Try faults of all kinds in turn until the time is up, each kind at least once.

    Args:
        minutes: The time.
        seed: Seed of all faults.
        kinds: Those to try; empty: all.
    """
    storm, end = Storm(), time.monotonic() + 60 * minutes
    files = {kind: (make(seed), check) for kind, (make, check) in FILES.items()}
    with tempfile.TemporaryDirectory() as folder:
        of_small_runs = _kills(Path(folder), seed)
        of_all = _kills_of_all(Path(folder, "methods"), seed)
        disks = _disks(Path(folder, "disks"), seed)
        turns: dict[str, Callable[[], Outcome]] = {
            **{kind: _turn(made, check) for kind, (made, check) in files.items()},
            "special files": special_files.check,
            "kills": lambda: next(of_small_runs),
            "kills of all methods": lambda: _sum(of_all, _KILLS),
            "failing disks": lambda: _sum(disks, _KILLS),
            **{f"{kind} of commands": _commands(kind, seed) for kind in trials.KINDS},
            "guided by coverage": lambda: fuzz.check(seed, min(60.0, 6 * minutes)),
        }
        turns = {kind: turn for kind, turn in turns.items() if not kinds or kind in kinds}
        while turns:
            for kind in [*turns]:
                began = time.monotonic()
                try:
                    storm.add(kind, turns[kind]())
                except ImportError as error:
                    storm.notes.append(f"{kind}: not tried, since {error}")
                    del turns[kind]
                    continue
                if kind == "special files":
                    del turns[kind]  # the same every time
                print(f"{kind}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            if time.monotonic() > end:
                break
    return storm


def _turn(
    made: Iterator[Mutant], check: Callable[[Sequence[Mutant]], Outcome]
) -> Callable[[], Outcome]:
    return lambda: check(list(islice(made, _BATCH)))


def _kills(folder: Path, seed: int) -> Iterator[Outcome]:
    """Kill runs of MUNIT; each that is finished equals an uninterrupted one."""
    workers = 0
    while True:
        place = folder / str(seed)
        place.mkdir()
        outcome = Outcome()
        try:
            for _ in Victims(place, workers, seed).kill(_KILLS):
                outcome.tried += 1
        except AssertionError as error:
            outcome.errors.append(f"seed {seed}, {workers} workers: {error}")
        yield outcome
        seed, workers = seed + 1, 2 - workers


def _kills_of_all(folder: Path, seed: int) -> Iterator[Outcome]:
    """Kill runs of all methods, of one and of two processes."""
    folder.mkdir()
    for kill in kills.kills(folder, seed):
        yield Outcome(int(kill.hit), errors=[str(kill)] if kill.problem else [])


def _disks(folder: Path, seed: int) -> Iterator[Outcome]:
    """Let the disk fail in runs of MUNIT."""
    folder.mkdir()
    for fault, problem in io_faults.outcomes(folder, seed):
        yield Outcome(1, errors=[f"{fault}: {problem}"] if problem else [])


def _commands(kind: str, seed: int) -> Callable[[], Outcome]:
    """Disturb commands other than training; a turn after the other has another seed."""
    seeds = count(seed)
    return lambda: trials.try_some(kind, _KILLS, next(seeds))


def _sum(outcomes: Iterator[Outcome], count: int) -> Outcome:
    """Add the next outcomes up."""
    total = Outcome()
    for outcome in islice(outcomes, count):
        total.add(outcome)
    return total


def main() -> int:
    """Run the campaign from the command line."""
    parser = argparse.ArgumentParser(description="Hostile files and kills")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="kinds of faults")
    options = parser.parse_args()
    storm = rage(options.minutes, options.seed, options.only)
    console = Console(width=110)
    console.print(storm.table())
    for line in (*storm.harm(), *storm.notes):
        print(line)
    return int(storm.failed)


if __name__ == "__main__":
    sys.exit(main())
