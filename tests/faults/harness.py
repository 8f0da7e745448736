"""Kill small runs with SIGKILL at random moments, continue them, and compare how they end.

To run it by hand, from the root of the repository::

    python -m tests.faults.harness --kills 100 --workers 2 --seed 3
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import multiprocessing
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load_file

from crossimage.checkpoints import training_state
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.cli.app import main as main_of_crossimage
from crossimage.data.make.outlines import MAKERS
from crossimage.training.recorder import Recorder
from tests.conftest import as_arguments, small

# imports happen once, in the server that the runs are forked from
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["tests.faults.harness", "crossimage.training.run", "torch.utils.tensorboard"]
)

STEPS = 40
AIMED_SHARE = 0.6
"""Share of the kills that wait for a save; the others hit after a random time."""

PATIENCE = 300
"""Seconds to wait for a run to end."""


@dataclass(frozen=True)
class Hold:
    """Keeps a run in one of its saves, so that it still runs when it is killed or stopped.

    Args:
        folder: Folder of the files by which the run and its watcher know of each other.
        save: Number of the save, from 1.
    """

    folder: Path
    save: int = 1

    def __call__(self) -> None:
        """Prepare a run that is held."""
        real, saves = training_state._write_sealed, itertools.count(1)

        def write(file: IO[bytes], state: Mapping[str, Any]) -> None:
            if next(saves) == self.save:
                (self.folder / "held").touch()
                while not (self.folder / "goes-on").exists():
                    time.sleep(0.005)
            real(file, state)

        training_state._write_sealed = write

    def wait(self, process: ForkServerProcess) -> None:
        """Wait until a run is held."""
        end = time.monotonic() + PATIENCE
        while not (self.folder / "held").exists():
            assert process.is_alive() and time.monotonic() < end
            time.sleep(0.005)

    def let_go(self) -> None:
        """Let the run go on."""
        (self.folder / "goes-on").touch()


@dataclass(frozen=True)
class Kill:
    """When a kill hit.

    Attributes:
        step: Step of the newest checkpoint it left.
        save: The file that was being written, or None.
        aimed: Whether it waited for a save.
    """

    step: int
    save: str | None
    aimed: bool

    def __str__(self) -> str:
        aim = "aimed at a save" if self.aimed else "at a random time"
        return f"{aim}, after step {self.step}, " + (
            f"while {self.save} was written" if self.save else "between saves"
        )


class Victims:
    """Runs to kill, each compared with an uninterrupted one.

    Args:
        folder: Folder of the data and the runs.
        workers: Loader processes per run.
        seed: Seed of the moments of the kills, and of the first run.
    """

    def __init__(self, folder: Path, workers: int, seed: int) -> None:
        self.folder, self.workers, self.seed = folder, workers, seed
        self.random = random.Random(seed)
        self.loaders: set[tuple[int, str]] = set()
        MAKERS["outline_pairs"](folder / "data", seed=seed, size=24, count=7)

    def kill(self, count: int) -> Iterator[Kill]:
        """Kill runs ``count`` times; a finished run is compared, and the next one started.

        Yields:
            Every kill.

        Raises:
            AssertionError: A finished run differs from the uninterrupted one, or a run failed.
        """
        seed = self.seed
        while count:
            killed = self.folder / f"killed-{seed}"
            began = time.monotonic()
            self._finish(self.start(self.folder / f"whole-{seed}", seed))
            duration = time.monotonic() - began
            while True:
                left = _partial_files(killed)
                process = self.start(killed, seed)
                if not count:
                    self._finish(process)
                    break
                hit = self._kill(process, killed, duration / 4, left)
                if hit is None:
                    break
                count -= 1
                yield hit
            compare(self.folder / f"whole-{seed}", killed)
            seed += 1

    def start(self, out: Path, seed: int) -> ForkServerProcess:
        """Start or continue a run."""
        settings = small(
            "pix2pix", steps=STEPS, save_every=2, keep=2, workers=self.workers, seed=seed,
            ema_decay=0.9, sample_every=10, log_every=3, norm="batch", dropout=0.5,
            decay_steps=STEPS // 2,
        )  # fmt: skip
        return start(train_command(self.folder / "data", out, settings, "pix2pix"))

    def _kill(
        self, process: ForkServerProcess, out: Path, most: float, left: set[Path]
    ) -> Kill | None:
        """Kill a run at a random moment; return None if it finished before.

        Args:
            process: The run.
            out: Its folder.
            most: Seconds after which it is killed at the latest, where it does not wait for a save.
            left: What earlier kills have left partly written.
        """
        aimed = self.random.random() < AIMED_SHARE
        if aimed:
            self._stop_in_save(process, out, left)
        else:
            time.sleep(self.random.uniform(0, most))
        loaders = _children(process.pid)
        process.kill()
        process.join()
        if process.exitcode != -9:
            return self._finish(process)
        self.loaders |= loaders
        partial = sorted(_partial_files(out) - left)
        newest = Checkpoints(out, 1).newest_path()
        step = int(newest.stem.partition("-")[2]) if newest else 0
        save = partial[0].name.rsplit(".", 2)[0].lstrip(".") if partial else None
        return Kill(step, save, aimed)

    def _stop_in_save(self, process: ForkServerProcess, out: Path, left: set[Path]) -> None:
        """Stop a run at a random moment of a save; it may end before.

        A save of a small run may be over before the moment comes, so each try comes sooner.
        """
        saves, delay = self.random.randint(1, 4), self.random.uniform(0, 0.02)
        while process.pid and process.is_alive():
            await_saves(out / "checkpoints", saves, process.is_alive)
            time.sleep(delay)
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGSTOP)
                if _partial_files(out) - left:
                    return
                os.kill(process.pid, signal.SIGCONT)
            saves, delay = 1, delay / 2

    def _finish(self, process: ForkServerProcess) -> None:
        process.join()
        assert process.exitcode == 0, f"a run failed with exit code {process.exitcode}"

    def surviving_loaders(self, patience: float = 20) -> set[tuple[int, str]]:
        """Return the loader processes of killed runs that still run after ``patience`` seconds."""
        end = time.monotonic() + patience
        while (left := {one for one in self.loaders if _lives(*one)}) and time.monotonic() < end:
            time.sleep(0.1)
        return left


def train_command(
    data: Path, out: Path, settings: Mapping[str, Any], method: str = "munit"
) -> list[str]:
    """Return the arguments of the command line that train a small model."""
    return ["train", method, "--data", str(data), "--out", str(out), *as_arguments(settings)]


def start(
    arguments: list[str],
    said: Path | None = None,
    environment: Mapping[str, str] | None = None,
    prepare: Callable[[], object] | None = None,
) -> ForkServerProcess:
    """Run the command line in a process of its own.

    Args:
        arguments: Arguments of the command line.
        said: The file that its output goes to.
        environment: Environment variables to set.
        prepare: A function of a module that the process calls first.
    """
    process = SERVER.Process(
        target=_command, args=(arguments, said, dict(environment or {}), prepare)
    )
    process.start()
    return process


def start_two(
    arguments: list[str], said: Path, prepare: Callable[[], object] | None = None
) -> list[ForkServerProcess]:
    """Run the command line in two processes that train together, as if started by ``torchrun``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    return [
        start(arguments, said, common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, prepare)
        for rank in range(2)
    ]


def without_sheets() -> None:
    """Draw no sample sheets, which take as long as several tiny steps."""
    Recorder.sample = lambda *_: None  # type: ignore[method-assign]


def finish(*processes: ForkServerProcess, code: int = 0) -> None:
    """Wait for runs to end with an exit code."""
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == code


def _command(
    arguments: list[str],
    said: Path | None,
    environment: Mapping[str, str],
    prepare: Callable[[], object] | None,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the command line does before it has begun
    os.setsid()  # a process group of its own, as in a shell
    os.environ.update(environment, COLUMNS="250")
    tempfile.tempdir = None  # the server that it was forked from has looked before
    torch.set_num_threads(1)
    multiprocessing.set_start_method("fork", force=True)  # the usual way to start loader processes
    with open(said or os.devnull, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["crossimage", *arguments]
    if prepare:
        prepare()
    sys.exit(main_of_crossimage())


def await_saves(folder: Path, count: int, alive: Callable[[], bool]) -> None:
    """Wait until the ``count``-th checkpoint is being written, or the run has ended."""
    seen: set[str] = set()
    before = {path.name for path in folder.glob(".step-*.tmp")}
    while alive():
        with suppress(FileNotFoundError):
            seen |= {name for name in os.listdir(folder) if name.endswith(".tmp")} - before
        if len(seen) >= count:
            return
        time.sleep(0.0002)


def _partial_files(out: Path) -> set[Path]:
    """Return the files of a run that have not been written to their end."""
    return {*out.glob(".*.tmp"), *out.glob("*/.*.tmp")}


def _children(pid: int | None) -> set[tuple[int, str]]:
    """Return the number of each child of a process, and when it began."""
    found = set()
    with suppress(OSError):
        for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(OSError):
                found.add((int(number), _facts(int(number))[19]))
    return found


def _lives(pid: int, began: str) -> bool:
    """Return whether a process exists: not a later one of its number, and not a zombie."""
    try:
        facts = _facts(pid)
    except OSError:
        return False
    return facts[0] != "Z" and facts[19] == began


def _facts(pid: int) -> list[str]:
    """Return what the kernel tells of a process after its name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def compare(one: Path, two: Path) -> None:
    """Compare two finished runs.

    Raises:
        AssertionError: A weight, an optimizer state, the model file or a loss differs.
    """
    first, second = outcome(one), outcome(two)
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert value == second[key], f"{two}: {key} differs from {one}"


def outcome(run: Path) -> dict[str, Any]:
    """Return hashes of a run's final state and model, and its rows of losses."""
    with open(run / "metrics.csv", newline="") as file:
        rows = [dict(row) for row in csv.DictReader(file)]
    for row in rows:
        del row["seconds"]
    return {**trained(run), "metrics.csv": rows}


def trained(run: Path) -> dict[str, str]:
    """Return hashes of a run's final state and model."""
    checkpoint = Checkpoints(run, 1).load_newest(_refuse)
    assert checkpoint is not None, f"{run} holds no checkpoint"
    state = checkpoint[1]
    del state["seconds"]
    state["model.safetensors"] = load_file(run / "model.safetensors")
    return {key: digest(value) for key, value in state.items()}


def _refuse(sentence: str) -> None:
    raise AssertionError(sentence)


def digest(value: object) -> str:
    """Return the SHA-256 of nested mappings and sequences of tensors and plain values."""
    if isinstance(value, torch.Tensor):
        content = repr((value.dtype, value.shape)).encode()
        content += value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(value, Mapping):
        content = repr([(key, digest(item)) for key, item in value.items()]).encode()
    elif isinstance(value, list | tuple):
        content = repr([digest(item) for item in value]).encode()
    else:
        content = repr(value).encode()
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    """Kill as many times as the command line says."""
    parser = argparse.ArgumentParser(description="Kill small runs again and again.")
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        victims = Victims(Path(folder), arguments.workers, arguments.seed)
        saves = 0
        try:
            for number, kill in enumerate(victims.kill(arguments.kills), 1):
                saves += kill.save is not None
                print(f"{number:4}  {kill}", flush=True)
        except AssertionError as error:
            print(f"FAILED: {error}")
            return 1
        left = victims.surviving_loaders()
    if left:
        print(f"FAILED: {len(left)} loader processes survived their run")
        return 1
    print(f"passed: {arguments.kills} kills, {saves} of them in a save; weights, optimizers, model")
    print("file and losses equal those of the uninterrupted runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
