"""A progress bar in the cell of a notebook: bar, step and time left, and losses if they fit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from time import monotonic
from typing import Any

from crossimage.training.advice.call import Call
from crossimage.training.listener import Listener, TrainingProgress

_PAUSE = 0.5  # seconds between two updates, at least
_COLUMNS = 80  # of the line where a notebook shows no HTML


def in_notebook() -> bool:
    """Return whether the program is the kernel of a notebook; IPython in a terminal is not."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython() if ipython else None, "kernel")


def listener_for(on_progress: Callable[[TrainingProgress], object] | None, call: Call) -> Listener:
    """Return what shows a run started from Python: in a notebook a bar, unless there is a callback.

    Elsewhere nothing is shown.

    Args:
        on_progress: The callback.
        call: The call that starts the run.
    """
    if on_progress is None and in_notebook():
        return NotebookListener(call)
    return Listener(on_progress, call)


class NotebookBar:
    """The state of a bar, which notebooks display as HTML, and others as a line.

    Args:
        step: Steps made so far.
        steps: Steps of the whole run.
    """

    def __init__(self, step: int, steps: int) -> None:
        self.step, self.steps = step, steps
        self.progress: TrainingProgress | None = None
        self.ended = False

    @property
    def text(self) -> str:
        """Step, time left, speed and losses: what is cut at the end matters least."""
        parts = [f"{self.step:,}/{self.steps:,}"]
        if self.progress:
            parts += [] if self.ended else [f"{self.progress.time_left} left"]
            parts += [self.progress.speed, self.progress.short_losses]
        return " · ".join(part for part in parts if part)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        line = f"step {self.text}"
        line = line if len(line) <= _COLUMNS else f"{line[: _COLUMNS - 1]}…"
        html = (
            '<div style="white-space: nowrap; overflow: hidden; text-overflow: ellipsis; '
            'font-variant-numeric: tabular-nums">'
            f'<progress value="{self.step}" max="{self.steps}" aria-label="Training" '
            f'style="width: 10em; vertical-align: middle"></progress> {escape(self.text)}</div>'
        )
        return {"text/plain": line, "text/html": html}


class NotebookListener(Listener):
    """Prints messages and shows a bar below them."""

    def __init__(self, call: Call | None = None) -> None:
        super().__init__(call=call)
        self._bar: NotebookBar | None = None
        self._handle: Any = None
        self._updated = 0.0

    def say(self, sentence: str) -> None:
        """Print a message."""
        print(sentence)

    def warn(self, sentence: str) -> None:
        """Print a warning."""
        super().warn(sentence)
        print(f"warning: {sentence}")

    @contextmanager
    def watch(self, step: int, steps: int) -> Iterator[None]:
        """Show the bar while the run trains; its last state stays."""
        self._bar = bar = NotebookBar(step, steps)
        display = import_module("IPython.display").display  # not installed with this package
        self._handle = display(bar, display_id=True)
        self._updated = monotonic()
        try:
            yield
        finally:
            bar.ended = True
            self._draw(now=True)
            self._bar = None

    def advance(self) -> None:
        """Advance the bar by one step."""
        if self._bar:
            self._bar.step += 1
            self._draw()

    def log(self, progress: TrainingProgress, line: bool) -> bool:
        """Show time left, speed and losses."""
        if self._bar:
            self._bar.progress = progress
            self._draw(now=line)
        return True

    def _draw(self, now: bool = False) -> None:
        if now or monotonic() - self._updated >= _PAUSE:
            self._updated = monotonic()
            if self._handle is not None:
                self._handle.update(self._bar)
