"""What is due by the clock: lines of progress, sample sheets and checkpoints."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from enum import IntFlag

LINES = (10.0, 30.0, 120.0, 300.0, 600.0)
"""Seconds of training after which there is a line of progress, besides those by steps."""
SILENCE = 600.0
"""Later, seconds without a line after which there is one."""
SHEETS = (30.0, 120.0, 300.0, 600.0)
"""Seconds of training after which there is a sample sheet, besides those by steps."""
CHECKPOINTS = 300.0
"""Seconds after a checkpoint until the next one, at the latest."""


def clock() -> float:
    """Return seconds that only grow."""
    return time.monotonic()


class Due(IntFlag):
    """What is due; the sum of its members is one number, on which processes can agree."""

    LINE = 1
    SHEET = 2
    CHECKPOINT = 4


class Timetable:
    """Tells what is due between two steps.

    Args:
        seconds: Training time of the run before, without its interruptions.
        clock: Returns seconds that only grow.
    """

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = clock) -> None:
        self._clock = clock
        self._began = clock() - seconds
        self._line = self._sheet = self._checkpoint = seconds

    @property
    def seconds(self) -> float:
        """Training time of the run so far."""
        return self._clock() - self._began

    def due(self) -> Due:
        """Return what is due now, and what is now done: the next time is counted from here."""
        now = self.seconds
        due = Due(0)
        if _passed(LINES, self._line, now) or now - self._line >= SILENCE:
            due |= Due.LINE
            self._line = now
        if _passed(SHEETS, self._sheet, now):
            due |= Due.SHEET
            self._sheet = now
        if now - self._checkpoint >= CHECKPOINTS:
            due |= Due.CHECKPOINT
        return due

    def saved(self) -> None:
        """Note that a checkpoint was written."""
        self._checkpoint = self.seconds

    def shown(self) -> None:
        """Note that a line of progress was shown."""
        self._line = max(self._line, self.seconds)


def _passed(times: tuple[float, ...], before: float, now: float) -> bool:
    """Return whether one of the times is after ``before`` and not after ``now``."""
    return bisect_right(times, before) < bisect_right(times, now)
