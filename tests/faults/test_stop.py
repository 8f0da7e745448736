"""Signals that stop a run: it saves, says how to continue, and ends the same when continued."""

import os
import shlex
import signal
from pathlib import Path

import pytest

from crossimage.utils.signals import STOP_SIGNALS
from tests.conftest import slow, small
from tests.faults.harness import Hold, compare, finish, start, start_two, train_command

ONE = small("pix2pix", steps=30, workers=2, save_every=2, ema_decay=0.9)
TWO = ONE | {"workers": 0}


@pytest.fixture(scope="module")
def whole(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("whole")
    finish(start(train_command(pairs, out, ONE, "pix2pix")))
    return out


def printed_command(said: Path) -> list[str]:
    """The arguments of the command that a stopped run prints."""
    lines = said.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.endswith("and saved; to continue:"))
    step = int(lines[at].removeprefix("stopped at step ").split()[0])
    assert 0 < step < ONE["steps"]
    words = shlex.split(lines[at + 1])
    assert words[0] == "crossimage"
    return words[1:]


@pytest.mark.parametrize(
    "number",
    [n if n in (signal.SIGINT, signal.SIGTERM) else slow(n) for n in sorted(STOP_SIGNALS)],
)
def test_a_stopped_run_saves_and_its_printed_command_continues_it(
    number: signal.Signals, pairs: Path, tmp_path: Path, whole: Path
) -> None:
    out, said = tmp_path / "an [odd] name", tmp_path / "said.txt"
    hold = Hold(tmp_path)
    process = start(train_command(pairs, out, ONE, "pix2pix"), said, prepare=hold)
    hold.wait(process)
    assert process.pid
    os.killpg(process.pid, number)  # as a terminal does: loader processes receive it too
    hold.let_go()
    finish(process, code=128 + number)
    assert "Traceback" not in said.read_text()
    finish(start(printed_command(said), said))
    compare(whole, out)


@pytest.fixture(scope="module")
def whole_of_two(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of two processes."""
    out = tmp_path_factory.mktemp("two")
    for process in start_two(train_command(pairs, out, TWO, "pix2pix"), out / "said.txt"):
        finish(process)
    return out


@pytest.mark.parametrize("rank", [slow(0), 1])
def test_a_signal_to_one_of_two_processes_stops_both(
    rank: int, pairs: Path, tmp_path: Path, whole_of_two: Path
) -> None:
    said = tmp_path / "said.txt"
    hold = Hold(tmp_path)
    both = start_two(train_command(pairs, tmp_path / "run", TWO, "pix2pix"), said, hold)
    hold.wait(both[0])
    pid = both[rank].pid
    assert pid
    os.kill(pid, signal.SIGTERM)
    hold.let_go()
    finish(both[0], code=128 + signal.SIGTERM)
    finish(both[1])  # the first process speaks for the run
    command = printed_command(said)
    for process in start_two(command, said):
        finish(process)
    compare(whole_of_two, tmp_path / "run")
    assert "Traceback" not in said.read_text()
