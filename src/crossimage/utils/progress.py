"""Progress reporting: to a callback, or on stderr as a bar or as plain lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from time import monotonic
from typing import Protocol, Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from crossimage.utils.streams import print_error, printable

T = TypeVar("T")

_SILENCE = 10  # seconds without a line, at most


class ProgressCallback(Protocol):
    """Receives the progress of one task after another."""

    def __call__(self, description: str, done: int, total: int, /) -> object:
        """Take note that ``done`` of ``total`` items are finished.

        A task begins with 0. Another one may take place within it, such as the rows of one image.
        """


def track(
    items: Iterable[T],
    description: str,
    total: int,
    callback: ProgressCallback | None,
    count: Callable[[T], int] | None = None,
) -> Iterator[T]:
    """Iterate while reporting progress to a callback.

    Args:
        items: What to iterate over.
        description: What is being done, in a few words.
        total: Number of items.
        callback: Called with 0 before the first item and again after each; None: not reported.
        count: Number that an item counts for, such as ``len`` for batches; None: 1.
    """
    if callback:
        callback(description, 0, total)
    done = 0
    for item in items:
        yield item
        done += count(item) if count else 1
        if callback:
            callback(description, done, total)


class StderrProgress:
    """A callback that shows progress on stderr: a bar on a terminal, plain lines elsewhere.

    Use it as a context manager, so that the bar of a task that fails is removed.

    Args:
        lines: Lines per task where there is no terminal, by the task's description; by default one
            at its end. Either way there is a line every ten seconds.
        skip_short: Whether tasks of less than ten seconds get no line.
        speeds: What is counted in tasks whose speed is shown, such as ``frames``, by the task's
            description.
    """

    def __init__(
        self,
        lines: Mapping[str, int] | None = None,
        skip_short: bool = False,
        speeds: Mapping[str, str] | None = None,
    ) -> None:
        self._lines, self._skip_short, self._speeds = lines or {}, skip_short, speeds or {}
        self._bar: Progress | None = None
        self._started: dict[str, float] = {}  # by description
        self._printed: set[str] = set()
        self._last_line = 0.0

    def __enter__(self) -> Self:
        """Return the callback."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar of a task that has not finished."""
        self._stop()

    def __call__(self, description: str, done: int, total: int, /) -> None:
        """Show that ``done`` of ``total`` items are finished."""
        if sys.stderr.isatty():
            self._draw(description, done, total)
        else:
            self._print(description, done, total)

    def _draw(self, description: str, done: int, total: int) -> None:
        if not done or self._bar is None:  # a task within this one has ended
            self._stop()
            self._bar = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                *([_SpeedColumn(self._speeds[description])] if description in self._speeds else []),
                TimeRemainingColumn(), console=Console(stderr=True, emoji=False),
            )  # fmt: skip
            self._bar.add_task(printable(description), total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= total:
            self._stop()

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def _print(self, description: str, done: int, total: int) -> None:
        now = monotonic()
        if not done:
            self._started[description] = self._last_line = now
            self._printed.discard(description)
            return
        every = max(1, total // self._lines.get(description, 1))
        due = done % every == 0 or done == total
        if self._skip_short and description not in self._printed:
            due = False
        if due or now - self._last_line >= _SILENCE:
            self._last_line, passed = now, now - self._started[description]
            self._printed.add(description)
            left = f" · {_time(passed / done * (total - done))} left" if done < total else ""
            speed = ""
            if description in self._speeds and passed > 0:
                speed = f" · {_speed(done / passed, self._speeds[description])}"
            line = f"{description} · {done}/{total}{speed} · {_time(passed)}{left}"
            print_error(line)


@contextmanager
def report_progress(
    description: str, total: int, progress: bool | ProgressCallback
) -> Iterator[Callable[[int], None]]:
    """Report progress on stderr or to a callback, if wanted; yields the function that advances it.

    Args:
        description: What is being done, in a few words.
        total: Number of items.
        progress: Whether to report it on stderr, or the callback.
    """
    if not progress:
        yield lambda count: None
        return
    done = 0
    with StderrProgress() if progress is True else nullcontext(progress) as report:

        def advance(count: int) -> None:
            nonlocal done
            done += count
            report(description, done, total)

        report(description, 0, total)
        yield advance


class _SpeedColumn(ProgressColumn):
    """Shows how many items are finished per second."""

    def __init__(self, items: str) -> None:
        super().__init__()
        self._items = items

    def render(self, task: Task) -> Text:
        return Text(_speed(task.finished_speed or task.speed or 0, self._items))


def _speed(speed: float, items: str) -> str:
    return f"{speed:.{0 if speed >= 100 else 1 if speed >= 1 else 2}f} {items}/s"


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
