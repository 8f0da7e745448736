"""Processes that were started one by one end with each other, whatever they are doing."""

import os
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from crossimage.training.processes import watchdog
from crossimage.training.processes.watchdog import tied_together
from tests.faults.harness import PATIENCE, SERVER

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
Start = Callable[..., ForkServerProcess]


def work(rank: int, port: int, folder: Path, seconds: float, say: float, grace: float) -> None:
    """Be one of two processes, and communicate with nobody."""
    with open(folder / f"said-{rank}.txt", "ab", buffering=0) as said:
        os.dup2(said.fileno(), 2)
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": str(rank),
    }  # fmt: skip
    watchdog._GRACE, watchdog._SAY = grace, say
    with tied_together(2):
        while not watchdog._CONNECTIONS or rank == 0 and len(watchdog._CONNECTIONS) < 2:
            time.sleep(0.01)
        if os.fork() == 0:
            time.sleep(20)  # as a loader process, which does not see its parent die
            os._exit(0)
        (folder / f"tied-{rank}").touch()
        time.sleep(seconds)
    (folder / f"done-{rank}").touch()


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., list[ForkServerProcess]]:
    """Start two processes, and wait until they are tied together."""

    def start(
        seconds: tuple[float, float] = (100, 100), grace: float = 0.2
    ) -> list[ForkServerProcess]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        both = [
            SERVER.Process(target=work, args=(rank, port, tmp_path, seconds[rank], 60, grace))
            for rank in range(2)
        ]
        for process in both:
            process.start()
        end = time.monotonic() + PATIENCE
        while not all((tmp_path / f"tied-{rank}").exists() for rank in range(2)):
            assert time.monotonic() < end
            time.sleep(0.02)
        return both

    return start


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_ends_with_a_sentence_after_another_was_killed(
    victim: int, pair: Callable[..., list[ForkServerProcess]], tmp_path: Path
) -> None:
    both = pair()
    both[victim].kill()
    both[1 - victim].join(15)
    assert both[1 - victim].exitcode == 1
    said = (tmp_path / f"said-{1 - victim}.txt").read_text()
    assert said == (
        f"crossimage: process {victim} of the run ended or cannot be reached; the same command "
        "continues the run from its newest checkpoint\n"
    )


@pytest.mark.parametrize("first", [0, 1])
def test_a_process_that_is_done_leaves_the_other_alone(
    first: int, pair: Callable[..., list[ForkServerProcess]], tmp_path: Path
) -> None:
    both = pair((0.1, 1.0) if first == 0 else (1.0, 0.1))
    for process in both:
        process.join(PATIENCE)
        assert process.exitcode == 0
    assert (tmp_path / "done-0").exists() and (tmp_path / "done-1").exists()


def test_a_process_that_ends_by_itself_is_not_ended(
    pair: Callable[..., list[ForkServerProcess]], tmp_path: Path
) -> None:
    """It notices in its own way, such as by what it communicates, and says what is wrong."""
    both = pair((100, 1.0), grace=10)
    both[0].kill()
    both[1].join(PATIENCE)
    assert both[1].exitcode == 0
    assert not (tmp_path / "said-1.txt").read_text()


def test_a_missing_process_is_waited_for_by_name(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = SERVER.Process(target=work, args=(0, port, tmp_path, 100, 0.2, 1.0))
    alone.start()
    end, said = time.monotonic() + PATIENCE, tmp_path / "said-0.txt"
    while not said.exists() or "waiting" not in said.read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    alone.kill()
    assert "waiting for process 1 of the run of 2 processes at 127.0.0.1:" in said.read_text()


def test_a_single_process_is_tied_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with tied_together(1):
        assert not watchdog._CONNECTIONS
