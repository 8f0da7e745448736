"""Requests to stop a run: signals, which only set a flag that the training loop reads."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from crossimage.utils.signals import STOP_SIGNALS

STOP_REQUESTED = int(signal.NSIG)
"""The reason to stop if the listener asked for it; no signal that is listened for has this
number."""


class StopRequests:
    """Listens for the signals that stop a run after the current step.

    Args:
        announce: Called at the first Ctrl-C with a sentence for the user.

    Attributes:
        number: The number of the last signal; 0: none was received.
    """

    def __init__(self, announce: Callable[[str], object]) -> None:
        self.number, self._announce = 0, announce

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == self.number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number
        if number == signal.SIGINT:
            with suppress(RuntimeError):  # it may have interrupted other output
                self._announce(
                    "stopping after this step, to save the run; interrupting it again stops at "
                    "once, and loses the steps since the last checkpoint"
                )

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen in this context.

        A signal that was ignored at the start, as SIGHUP under ``nohup``, stays ignored. Only the
        main thread of a program receives signals.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.getsignal(s) for s in STOP_SIGNALS}
        # None: a handler that was not set from Python, and could not be set again
        before = {s: h for s, h in before.items() if h not in (signal.SIG_IGN, None)}
        for number in before:
            signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
