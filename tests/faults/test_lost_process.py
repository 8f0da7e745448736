"""A run of several processes ends with a sentence when one of them is killed; nobody is left."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import small
from tests.faults.harness import PATIENCE, train_command


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            parent = re.search(r"^PPid:\s*(\d+)", status.read_text(), re.MULTILINE)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent and int(parent[1]) == process:
            found.append(int(status.parent.name))
    return found


def is_running(process: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("victim", ["first", "other"])
@pytest.mark.parametrize("moment", ["starting", "training"])
def test_a_killed_process_ends_the_other_one(
    victim: str, moment: str, folders: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [*train_command(folders, out, small(steps=100_000, save_every=5)), "--devices", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "crossimage", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as first:
        deadline = time.monotonic() + PATIENCE
        others: list[int] = []
        while not others or moment == "training" and not list(out.glob("checkpoints/step-*.pt")):
            assert first.poll() is None and time.monotonic() < deadline
            others = children(first.pid)
            time.sleep(0.1)
        killed = first.pid if victim == "first" else others[0]
        os.kill(killed, signal.SIGKILL)
        said = first.communicate(timeout=PATIENCE)[0]
        deadline = time.monotonic() + PATIENCE
        while any(map(is_running, others)):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert "Traceback" not in said
    if victim == "other" or moment == "training":
        assert "run" in said and re.search(r"^crossimage: .*(ended|killed)", said, re.MULTILINE), (
            said
        )


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_started_by_hand_ends_after_the_other_one(
    victim: int, folders: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [*train_command(folders, out, small(steps=100_000, save_every=5)), "--devices", "2"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    facts = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "crossimage", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | facts | {"LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    deadline = time.monotonic() + PATIENCE
    while not list(out.glob("checkpoints/step-*.pt")):
        assert both[0].poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    both[victim].kill()
    said = both[1 - victim].communicate(timeout=PATIENCE)[0]
    both[victim].communicate()
    assert both[1 - victim].returncode in (1, 2)
    assert "Traceback" not in said and said.count("another process of the run ended") == 1
