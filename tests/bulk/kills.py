"""Helpers of kill tests: commands in processes of their own, which are killed at work."""

import itertools
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from crossimage.utils.manifest import list_lines, list_names
from crossimage.utils.reading import sha256_of

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["crossimage.cli.app", "crossimage.inference.translator"])
LIMIT = 300  # seconds


@dataclass(frozen=True)
class Death:
    """When a process kills itself, unless it has ended.

    Attributes:
        image: The image, counted from 0, that it is about to translate; it translates no other.
        seconds: How long after that, while it writes others.
    """

    image: int
    seconds: float

    def prepare(self) -> None:
        """Have this process die."""
        from crossimage.inference.files import job

        real, numbers = job._predict, itertools.count()

        def predict(*arguments: Any) -> Any:
            if next(numbers) == self.image:
                time.sleep(self.seconds)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        job._predict = predict


def crossimage(
    *arguments: object, members: int | None = None, death: Death | None = None
) -> ForkServerProcess:
    """Start a command; ``members`` is the number of results in a tar file."""
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    words = [str(one) for one in arguments]
    process = SERVER.Process(target=_main, args=(words, members, death, aws))
    process.start()
    return process


def disturb(kills: int, common: Sequence[object], members: int | None = None) -> int:
    """Kill shards at random moments, with another number of them each time; return how many."""
    rng, killed = random.Random(0), 0
    for _ in range(4 * kills):
        number = rng.randint(1, 3)
        shards = [
            crossimage(
                *common, "--shard", f"{k}/{number}", members=members,
                death=Death(rng.randint(1, 8), rng.uniform(0, 0.02)),
            )
            for k in range(1, number + 1)
        ]  # fmt: skip
        for shard in shards:
            shard.join(LIMIT)
            assert shard.exitcode in (0, -signal.SIGKILL)
            killed += shard.exitcode != 0
        if killed >= kills:
            break
    return killed


def _main(
    arguments: list[str], members: int | None, death: Death | None, environment: dict[str, str]
) -> None:
    from crossimage.cli.app import main
    from crossimage.inference.stores import shards

    os.environ.update(environment)  # that of the server is older
    if members is not None:
        shards._MOST = members
    if death is not None:
        death.prepare()
    with open(os.devnull, "w") as nothing:
        sys.stdout = nothing
        sys.exit(main(arguments))


def lines(out: Path) -> int:
    """The number of lines of all lists of a folder."""
    return sum(sum(1 for _ in list_lines(out / name)) for name in list_names(out))


def wait_for(event: Callable[[], bool], process: ForkServerProcess) -> bool:
    """Wait until something has happened or the process has ended; return whether it lives."""
    end = time.monotonic() + LIMIT
    while process.is_alive() and not event():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.005)
    return process.is_alive()


def kill(process: ForkServerProcess) -> None:
    """Kill a process with SIGKILL, and wait for its end."""
    process.kill()
    process.join()


def files(out: Path) -> dict[str, str]:
    """The hashes of all files but the lists, hidden ones included."""
    return {
        path.relative_to(out).as_posix(): sha256_of(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.suffix != ".jsonl"
    }
