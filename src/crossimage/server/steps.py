"""Work in several steps, each in the thread that it belongs to, without one that waits for it."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from crossimage.server.engine import ClosedError

T = TypeVar("T")

Steps = Generator[Future[Any], Any, T]
"""Yields the future of one step after the other, is sent their results, and returns its own."""


def run_steps(steps: Steps[T]) -> Future[T]:
    """Start work in steps; each goes on in the thread that has finished the one before.

    Args:
        steps: The work. An error of a step is raised where the step was yielded.

    Returns:
        The future of its result. If that is cancelled, a step that waits is cancelled, too, and the
        work ends (by ``GeneratorExit``) as soon as none of its steps is being done.
    """
    work = _Work(steps)
    work.advance(None)
    return work.result


class _Work(Generic[T]):
    def __init__(self, steps: Steps[T]) -> None:
        self.result: Future[T] = Future()
        self._steps = steps
        self._current: Future[Any] | None = None
        self.result.add_done_callback(self._cancel_step)

    def advance(self, done: Future[Any] | None) -> None:
        """Go on to the next step, or to the end."""
        try:
            step = self._next(done)
        except StopIteration as end:
            if self.result.set_running_or_notify_cancel():
                self.result.set_result(end.value)
        except BaseException as error:
            if self.result.set_running_or_notify_cancel():
                self.result.set_exception(error)
        else:
            if step is not None:
                self._current = step
                if self.result.cancelled():
                    step.cancel()
                step.add_done_callback(self.advance)

    def _next(self, done: Future[Any] | None) -> Future[Any] | None:
        """Return the next step; None if nobody wants the result any more."""
        if self.result.cancelled():
            self._steps.close()
            return None
        if done is None:
            return next(self._steps)
        if done.cancelled():  # by a pool that is shut down
            return self._steps.throw(ClosedError("the server is being stopped"))
        if error := done.exception():
            return self._steps.throw(error)
        return self._steps.send(done.result())

    def _cancel_step(self, result: Future[T]) -> None:
        if result.cancelled() and self._current is not None:
            self._current.cancel()
