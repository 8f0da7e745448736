"""Helpers of kill tests: commands in processes of their own, and waiting for their lists."""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from crossimage.utils.manifest import list_lines, list_names, sha256_of

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["crossimage.cli.app", "crossimage.inference.translator"])
LIMIT = 300  # seconds


def crossimage(*arguments: object, members: int | None = None) -> ForkServerProcess:
    """Start a command; ``members`` is the number of results in a tar file."""
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    process = SERVER.Process(target=_main, args=([str(one) for one in arguments], members, aws))
    process.start()
    return process


def _main(arguments: list[str], members: int | None, environment: dict[str, str]) -> None:
    from crossimage.cli.app import main
    from crossimage.inference.stores import shards

    os.environ.update(environment)  # that of the server is older
    if members is not None:
        shards._MOST = members
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
