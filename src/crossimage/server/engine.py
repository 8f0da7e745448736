"""One thread that uses the networks of a device, for the many requests of a server."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_PATIENCE = 0.005  # seconds that a job waits for others of its kind


class BusyError(Exception):
    """So many requests are waiting that no further one is accepted."""


class ClosedError(Exception):
    """The server is being stopped."""


@dataclass
class _Job(Generic[T]):
    """What the thread is to do.

    Attributes:
        key: Jobs of equal keys may be done together; None: this one is done alone.
        value: What it is about.
        work: Does it, for the values of one or several jobs.
    """

    key: Hashable
    value: Any
    work: Callable[[Sequence[Any]], Sequence[T]]
    future: Future[T] = field(default_factory=Future)


class Engine:
    """Does one thing after the other on a device, and what can be done together in one batch.

    A job waits for others of its kind for a moment only if jobs came together before: a lone
    request is answered at once.

    Args:
        waiting: Jobs that may wait; further ones are refused.
        batch_size: Jobs that are done together.

    Attributes:
        batches: Batches done.
        images: Jobs done in them.
    """

    def __init__(self, waiting: int = 64, batch_size: int = 8) -> None:
        self._most, self._batch_size = waiting, batch_size
        self._jobs: deque[_Job[Any]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._together = False
        self.batches = self.images = 0
        # a daemon: a native call that hangs does not keep the process alive
        self._thread = threading.Thread(target=self._run, name="networks", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of jobs that wait."""
        return len(self._jobs)

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Let the thread call a function, by itself.

        Raises:
            BusyError: Too many jobs are waiting.
            ClosedError: The server is being stopped.
        """
        return self._add(_Job(None, None, lambda _: [function()]))

    def batch(
        self, key: Hashable, value: Any, work: Callable[[Sequence[Any]], Sequence[T]]
    ) -> Future[T]:
        """Let the thread do a job, together with others of its kind.

        Args:
            key: Jobs with equal keys are done together, by the work of the first; None: this one
                is done alone.
            value: What the job is about.
            work: Returns the results of values. If it fails for several, it is called for each.

        Raises:
            BusyError: Too many jobs are waiting.
            ClosedError: The server is being stopped.
        """
        return self._add(_Job(key, value, work))

    def close(self, patience: float = 20.0) -> None:
        """Finish the jobs that wait, and end the thread.

        Args:
            patience: Seconds after which it is left alone.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(patience)

    def _add(self, job: _Job[T]) -> Future[T]:
        with self._changed:
            if self._closed:
                raise ClosedError("the server is being stopped")
            if len(self._jobs) >= self._most:
                # those whose clients have gone make room
                self._jobs = deque(one for one in self._jobs if not one.future.cancelled())
                if len(self._jobs) >= self._most:
                    raise BusyError(f"{len(self._jobs)} requests are waiting")
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def _run(self) -> None:
        while jobs := self._next():
            if alive := [job for job in jobs if job.future.set_running_or_notify_cancel()]:
                self._do(alive)

    def _next(self) -> list[_Job[Any]]:
        """Return the jobs to do next; none when the engine is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            if not self._jobs:
                return []
            first = self._jobs[0]
            if first.key is None:
                return [self._jobs.popleft()]
            if self._together:
                deadline = time.monotonic() + _PATIENCE
                while not self._closed and self._alike(first) < self._batch_size:
                    if not self._changed.wait(deadline - time.monotonic()):
                        break
            kept: deque[_Job[Any]] = deque()
            chosen: list[_Job[Any]] = []
            for job in self._jobs:
                fits = job.key == first.key and len(chosen) < self._batch_size
                (chosen if fits else kept).append(job)
            self._jobs = kept
            self._together = len(chosen) > 1 or bool(kept)
            return chosen

    def _alike(self, first: _Job[Any]) -> int:
        return sum(job.key == first.key for job in self._jobs)

    def _do(self, jobs: Sequence[_Job[Any]]) -> None:
        self.batches, self.images = self.batches + 1, self.images + len(jobs)
        try:
            results = jobs[0].work([job.value for job in jobs])
        except BaseException as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
        else:
            for job, result in zip(jobs, results, strict=True):
                job.future.set_result(result)
            return
        for job in jobs:  # one that fails does not spoil the others
            try:
                job.future.set_result(job.work([job.value])[0])
            except BaseException as error:
                job.future.set_exception(error)
