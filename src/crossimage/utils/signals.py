"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOP_SIGNALS = frozenset(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
    if hasattr(signal, name)
)
"""The signals of Ctrl-C, of a closed terminal, and of job schedulers before they kill a process.
Each of them ends a process by default."""

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_AFTER = 0.2  # seconds after which a signal is repeated that was lost
_SAME = 1.0  # seconds within which further signals belong to the first: groups get several


class Stop(KeyboardInterrupt):
    """A signal asks the process to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def raising_stops() -> Iterator[None]:
    """Raise :class:`Stop` at Ctrl-C, SIGTERM and SIGHUP, so that what is unfinished is removed.

    After a second, another such signal ends the process at once. Signals that were ignored or
    handled at the start stay so. Only the main thread of a program receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = (signal.SIG_DFL, signal.default_int_handler)
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    before = {n: h for n in numbers if (h := signal.getsignal(n)) in usual}
    first: list[float] = []
    over = threading.Event()
    report = sys.unraisablehook

    def lost(unraisable: Any) -> None:
        """Repeat a signal that came while Python finalised an object, which drops exceptions."""
        if not isinstance(unraisable.exc_value, Stop):
            report(unraisable)
            return
        first.clear()
        threading.Thread(target=repeat, args=[unraisable.exc_value.number], daemon=True).start()

    def repeat(number: int) -> None:
        if over.wait(_AFTER):
            return
        if hasattr(signal, "pthread_kill"):
            # wakes the main thread where it waits
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        else:
            signal.raise_signal(number)

    def note(number: int, _: FrameType | None) -> None:
        if first and time.monotonic() - first[0] < _SAME:
            return
        if first:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        first.append(time.monotonic())
        raise Stop(number)

    for number in before:
        signal.signal(number, note)
    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = report
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)
