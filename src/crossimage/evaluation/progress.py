"""Progress on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def shown(things: Iterable[T], what: str, total: int) -> Iterable[T]:
    """The things; on a terminal a bar tells how many of them have passed.

    Args:
        things: What passes by.
        what: What is done, in words.
        total: How many there are.
    """
    hidden = not sys.stderr.isatty()
    return track(things, what, total, console=Console(stderr=True), disable=hidden)
