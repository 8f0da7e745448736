"""Progress: a bar on a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from time import monotonic
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")

_SILENCE = 60  # seconds at most without a line


def shown(things: Iterable[T], what: str, total: int, every: int | None = None) -> Iterable[T]:
    """The things; how many of them have passed is told on the standard error stream.

    Args:
        things: What passes by.
        what: What is done, in words.
        total: How many there are.
        every: Without a terminal, things between two lines; None: a line at the end, and one a
            minute.
    """
    if sys.stderr.isatty():
        return track(things, what, total, console=Console(stderr=True))
    return _told(things, what, total, every or total)


def _told(things: Iterable[T], what: str, total: int, every: int) -> Iterator[T]:
    begun = told = monotonic()
    for number, thing in enumerate(things, 1):
        yield thing
        now = monotonic()
        if number % every == 0 or number == total or now - told >= _SILENCE:
            told, passed = now, now - begun
            left = f" · {_time(passed / number * (total - number))} left" if number < total else ""
            line = f"{what} · {number}/{total} · {_time(passed)}{left}"
            print(line, file=sys.stderr, flush=True)


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
