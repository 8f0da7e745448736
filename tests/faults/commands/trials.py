"""Commands that are killed, stopped, doubled, or whose disk fails; each is then run again.

To run it by hand, from the root of the repository::

    python -m tests.faults.commands.trials kills --count 100 --seed 3
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.commands.bench import SKIPPED, Bench, printed, said_by
from tests.faults.commands.disks import Fault, library
from tests.faults.commands.world import COMMANDS, results
from tests.faults.image_mutants import Outcome

_ADVICE = {
    errno.ENOSPC: ("make room",),
    errno.EDQUOT: ("make room", "quota"),
    errno.EROFS: ("choose", "read-only"),
    errno.EACCES: ("permission",),
    errno.EIO: ("disk",),
    errno.EMFILE: ("open files",),
}
"""What a sentence says to do, one of these, by the error's number."""


@dataclass(frozen=True)
class Trial:
    """A command that was disturbed and run again.

    Attributes:
        name: The command.
        what: What disturbed it.
        hit: Whether it was still running then.
        problem: What is wrong with how it ended; empty: nothing.
        place: Where it wrote.
    """

    name: str
    what: str
    hit: bool
    problem: str
    place: Path

    def __str__(self) -> str:
        missed = "" if self.hit else ", too late"
        return f"{self.name}, {self.what}{missed}: {self.problem or 'ok'}"


def killed(bench: Bench) -> Trial:
    """Kill a command; what has a final name is complete, and the next command tidies up."""
    name = bench.choose()
    place = bench.place(name)
    process = bench.start(name, place)
    hit = bench.kill(name, process, place, signal.SIGKILL)
    process.join(bench.patience(name))
    hit = hit and process.exitcode == -signal.SIGKILL
    problem = bench.torn(name, place) or bench.again(name, place)
    return Trial(name, "killed", hit, problem, place)


def stopped(bench: Bench) -> Trial:
    """Stop a command by a signal; it tidies up itself, and says so in a line."""
    name = bench.choose()
    place = bench.place(name)
    number = bench.random.choice((signal.SIGINT, signal.SIGTERM))
    process = bench.start(name, place)
    while process.is_alive() and not said_by(place).exists():
        time.sleep(0.01)  # until it has begun: before, it is ended by the signal itself
    hit = bench.kill(name, process, place, number)
    began = time.monotonic()
    process.join(bench.patience(name))
    taken = time.monotonic() - began
    code, said = process.exitcode, printed(place)
    hit = hit and code != 0
    problem = ""
    if code is None:
        process.kill()
        process.join()
        problem = f"still running after {bench.patience(name):.0f} s"
    elif hit:
        lines = [line for line in said.splitlines() if line.startswith("crossimage: ")]
        if code == -number and not said:
            hit = False  # it did not listen yet
        elif code == -number and bench.complete(name, place):
            hit = False  # its work was done, and Python was ending
            problem = bench.leftovers(place)
        elif code != 128 + number:
            problem = f"exit code {code}: {said[-300:]}"
        elif "Traceback" in said or "Exception ignored" in said:
            problem = f"a traceback is printed: {said[-1500:]}"
        elif len(lines) != 1:
            problem = f"{len(lines)} lines: {said[-300:]}"
        elif taken > 10:
            problem = f"it took {taken:.0f} s to end"
        problem = problem or bench.leftovers(place)
    problem = problem or orphans(process.pid) or bench.torn(name, place)
    problem = problem or bench.again(name, place)
    return Trial(name, f"stopped by {number.name}", hit, problem, place)


def orphans(group: int | None) -> str:
    """Name the processes that are left of a process group."""
    assert group
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return ""
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    return "a process of it is still running"


def doubled(bench: Bench) -> Trial:
    """Run a command twice at once with the same results; one may refuse, nothing is mixed."""
    name = bench.choose()
    place = bench.place(name)
    both = [bench.start(name, place)]
    time.sleep(bench.random.choice((0.0, bench.random.uniform(0, bench.seconds[name]))))
    hit = both[0].is_alive()
    both.append(bench.start(name, place))
    for process in both:
        process.join(bench.patience(name))
    said = printed(place)
    codes = [process.exitcode for process in both]
    problem = ""
    if None in codes or any(code not in (0, 2) for code in codes) or codes == [2, 2]:
        problem = f"exit codes {codes}: {said[-400:]}"
    elif "Traceback" in said:
        problem = f"a traceback is printed: {said[-1500:]}"
    elif 2 in codes and not any(line.startswith("crossimage: ") for line in said.splitlines()):
        problem = f"no sentence: {said[-300:]}"
    problem = problem or bench.leftovers(place) or bench.torn(name, place)
    if not problem and codes != [0, 0]:
        return Trial(name, "twice at once", hit, _complete(bench, name, place), place)
    return Trial(name, "twice at once", hit, problem, place)


def _complete(bench: Bench, name: str, place: Path) -> str:
    found, whole = results(place), bench.whole[name]
    differ = sorted(key for key in whole if found.get(key) != whole[key])
    return f"{', '.join(differ[:4])} differ" if differ else ""


def failing(bench: Bench, reads: bool = False) -> Trial:
    """Let the disk fail under a command: a sentence, nothing half-written, and then a repeat."""
    name = bench.choose()
    place = bench.place(name)
    below = bench.world.folder if reads else place
    calls = ("read",) if reads else ("open", "write", "rename", "fsync", "mkdir")
    fault = Fault.draw(bench.random, below, bench.calls[name] or Counter(), calls)
    process = bench.start(name, place, fault.inject)
    process.join(bench.patience(name))
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    text = printed(place)
    problem = _said(code, text, fault, place)
    problem = problem or bench.leftovers(place) or bench.torn(name, place)
    if code == 0 and not problem and _left_out(text, fault):
        return Trial(name, f"{fault}, an image is left out", True, problem, place)
    if code == 0 and not problem:
        problem = _complete(bench, name, place)
    problem = problem or bench.again(name, place)
    return Trial(name, str(fault), code != 0, problem, place)


def _left_out(text: str, fault: Fault) -> bool:
    """Whether a command names a file that it could not read, which it has left out."""
    below, advice = str(fault.below), _ADVICE[fault.number]
    return fault.call == "read" and any(
        below in line and "can't be read" in line and any(word in line for word in advice)
        for line in text.splitlines()
    )


def _said(code: int | None, text: str, fault: Fault, place: Path) -> str:
    """Return what is wrong with how a command with a fault of the disk ended."""
    if code not in (0, 2, SKIPPED) or "Traceback" in text or "Exception ignored" in text:
        return f"exit code {code}: {text[-1500:]}"
    if code == 0:
        return ""
    lines = [line for line in text.splitlines() if line.startswith(("crossimage: ", "skipped: "))]
    if not lines:
        return f"no sentence: {text[-300:]}"
    if str(fault.below) not in lines[-1]:
        return f"names no file: {lines[-1]}"
    advice = _ADVICE[fault.number]
    if ".sqlite" in lines[-1]:  # SQLite does not tell what is wrong with a disk
        advice += ("disk", "permission", "read-only")
    if not any(word in lines[-1] for word in advice):
        return f"no advice: {lines[-1]}"
    return ""


KINDS: Mapping[str, Callable[[Bench], Trial]] = {
    "kills": killed,
    "signals": stopped,
    "twins": doubled,
    "disks": failing,
    "reads": partial(failing, reads=True),
}
_MIXED = "mixed"
"""Kills, signals, twins and failing disks by chance, which share what undisturbed commands give."""


def _mixed(bench: Bench) -> Trial:
    return KINDS[bench.random.choice(("kills", "signals", "twins", "disks"))](bench)


def try_some(
    kind: str, count: int, seed: int, names: tuple[str, ...] = (), most: int = 4000,
    world: Path | None = None,
) -> Outcome:  # fmt: skip
    """Disturb commands in processes of their own until ``count`` were hit."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        words = [sys.executable, "-m", "tests.faults.commands.trials", kind, "--count", str(count)]
        words += ["--seed", str(seed), "--report", str(report), "--most", str(most)]
        words += ["--only", *names] if names else []
        words += ["--world", str(world)] if world else []
        subprocess.run(words, check=False, stdout=subprocess.DEVNULL, timeout=3600)
        found = json.loads(report.read_text())
    return Outcome(found["tried"], errors=found["errors"])


def main() -> int:
    """Disturb as many commands as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=[*KINDS, _MIXED])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--most", type=int, default=4000, help="trials, also those too late")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], choices=list(COMMANDS))
    parser.add_argument("--folder", type=Path, help="keeps what is wrong")
    parser.add_argument("--world", type=Path, help="keeps the inputs")
    parser.add_argument("--report", type=Path, help="a file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if shim := library(folder):
            os.environ["LD_PRELOAD"] = str(shim)  # of the server that the commands are forked from
        elif options.kind in ("disks", "reads", _MIXED):
            print("there is no C compiler, or another system than Linux")
            return 2
        bench = Bench(
            folder, options.seed, tuple(options.only), options.world, options.kind == "reads"
        )
        hits, tried, errors, by_name = 0, 0, [], Counter[str]()
        while hits < options.count and tried < options.most:
            trial = KINDS.get(options.kind, _mixed)(bench)
            tried, hits = tried + 1, hits + trial.hit
            by_name[trial.name] += trial.hit
            if trial.problem:
                errors.append(str(trial))
            else:
                bench.drop(trial.place)
            print(f"{hits:4}  {trial}", flush=True)
        if options.report:
            options.report.write_text(json.dumps({"tried": hits, "errors": errors}))
    print(", ".join(f"{name} {count}" for name, count in sorted(by_name.items())))
    print(f"{hits} {options.kind}, {len(errors)} failed")
    return int(bool(errors))


if __name__ == "__main__":
    sys.exit(main())
