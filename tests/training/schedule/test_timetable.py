"""What is due by the clock, by a clock that tests turn."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossimage import train
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.training.listener import TrainingProgress
from crossimage.training.schedule import timetable
from crossimage.training.schedule.timetable import Due, Timetable
from crossimage.training.step.stepper import Stepper
from tests.conftest import small
from tests.faults.harness import compare, finish, start_two, train_command

LATE = {"log_every": 1000, "page_every": 1000, "sample_every": 1000, "save_every": 1000}


class Clock:
    """A clock that only tests turn."""

    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


def dues(seconds_per_step: float, until: float, start: float = 0.0) -> Iterator[tuple[float, Due]]:
    """What is due between steps, by the training time; checkpoints are written."""
    clock = Clock()
    table = Timetable(start, clock)
    while table.seconds < until:
        clock.now += seconds_per_step
        if due := table.due():
            yield table.seconds, due
        if due & Due.CHECKPOINT:
            table.saved()


def test_lines_and_sheets_come_soon_then_seldom_and_checkpoints_regularly() -> None:
    found = list(dues(1.0, 1500))
    assert [t for t, due in found if due & Due.SHEET] == [30, 120, 300, 600]
    assert [t for t, due in found if due & Due.LINE] == [10, 30, 120, 300, 600, 1200]
    assert [t for t, due in found if due & Due.CHECKPOINT] == [300, 600, 900, 1200, 1500]


def test_with_long_steps_what_was_due_in_one_of_them_comes_once_after_it() -> None:
    found = list(dues(400.0, 1000))
    assert [(t, bool(due & Due.SHEET)) for t, due in found] == [
        (400, True), (800, True), (1200, False)
    ]  # fmt: skip
    assert [t for t, due in found if due & Due.LINE] == [400, 800]
    assert all(due & Due.CHECKPOINT for _, due in found)


def test_a_continued_run_makes_up_for_nothing() -> None:
    found = list(dues(1.0, 500, start=150.0))
    assert [t for t, due in found if due & Due.SHEET] == [300]
    assert [t for t, due in found if due & Due.CHECKPOINT] == [450]


def test_a_checkpoint_by_steps_puts_off_the_one_by_the_clock() -> None:
    clock = Clock()
    table = Timetable(0.0, clock)
    clock.now += 200
    table.saved()
    clock.now += 200
    assert not table.due() & Due.CHECKPOINT
    clock.now += 100
    assert table.due() & Due.CHECKPOINT


def steps_of_70_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every step take 70 seconds by the clock."""
    clock, real = Clock(), Stepper.train_step

    def slow(self: Stepper, *arguments: object) -> object:
        clock.now += 70
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Stepper, "train_step", slow)
    monkeypatch.setattr(timetable, "clock", clock)


def sheets(run: Path) -> list[int]:
    return [int(path.stem.partition("-")[2]) for path in sorted((run / "samples").iterdir())]


def checkpoints(run: Path) -> list[int]:
    return [int(p.stem.partition("-")[2]) for p in sorted((run / "checkpoints").iterdir())]


def test_a_slow_run_shows_and_saves_itself_by_the_clock_and_ends_the_same(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small("pix2pix", steps=12, keep=99, **LATE)
    train("pix2pix", pairs, tmp_path / "fast", **settings)
    assert sheets(tmp_path / "fast") == [0, 12] and checkpoints(tmp_path / "fast") == [12]
    reports: list[TrainingProgress] = []
    with monkeypatch.context() as patched:
        steps_of_70_seconds(patched)
        train("pix2pix", pairs, tmp_path / "slow", **settings, on_progress=reports.append)
    assert sheets(tmp_path / "slow") == [0, 1, 2, 5, 9, 12]
    assert checkpoints(tmp_path / "slow") == [5, 10, 12]
    assert [report.step for report in reports] == [1, 2, 5, 9, 12]
    assert reports[1].rate == pytest.approx(1 / 70) and reports[1].time_left == "11 min 40 s"
    assert reports[1].losses.keys() == reports[-1].losses.keys() and "11 min" in str(reports[1])
    compare(tmp_path / "fast", tmp_path / "slow")


def test_a_run_that_is_continued_from_a_checkpoint_by_the_clock_ends_the_same(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small("pix2pix", steps=12, keep=99, ema_decay=0.9, **LATE)
    train("pix2pix", pairs, tmp_path / "fast", **settings)
    steps_of_70_seconds(monkeypatch)
    train("pix2pix", pairs, tmp_path / "slow", **settings)
    for step in (10, 12):
        (tmp_path / "slow" / "checkpoints" / f"step-{step:08d}.pt").unlink()
    assert train("pix2pix", pairs, tmp_path / "slow", **settings).first_step == 5
    compare(tmp_path / "fast", tmp_path / "slow")


def clocks_that_differ() -> None:
    """Let the second process's clock run wild, and the first one's steps take 70 seconds."""
    pace = 70 if os.environ["RANK"] == "0" else 1000
    clock, real = Clock(), Stepper.train_step

    def slow(self: Stepper, *arguments: object) -> object:
        clock.now += pace
        return real(self, *arguments)  # type: ignore[arg-type]

    Stepper.train_step = slow  # type: ignore[method-assign, assignment]
    timetable.clock = clock  # type: ignore[assignment]


def test_the_first_of_two_processes_decides_by_its_clock(pairs: Path, tmp_path: Path) -> None:
    run, settings = tmp_path / "two", small("pix2pix", steps=12, keep=99, **LATE)
    command = train_command(pairs, run, settings, "pix2pix")
    finish(*start_two(command, tmp_path / "said.txt", clocks_that_differ))
    assert sheets(run) == [0, 1, 2, 5, 9, 12] and checkpoints(run) == [5, 10, 12]
    assert (tmp_path / "said.txt").read_text().count("step 2/12 · ") == 1
    state = Checkpoints(run, 1).load_newest(pytest.fail)
    assert state and state[0] == 12
