"""The threads that images of requests pass through, and the memory that they may take there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from torch import Tensor

from crossimage.data.images.checks.limit import max_pixels
from crossimage.server.engine import BusyError
from crossimage.server.guard import Refused
from crossimage.server.models import ServedModel
from crossimage.server.requests import StyleRequest, TranslateRequest
from crossimage.server.steps import Steps, run_steps
from crossimage.server.translation import (
    EncodedResult,
    Task,
    check_pixels,
    choose,
    encode_result,
    read_task,
    style_of,
    translate_tasks,
)

T = TypeVar("T")

_THREADS = 2
_TOGETHER = 4  # largest images that are in memory at the same time


class Work:
    """What is done for requests: images are read and encoded in two threads, and networks used."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._pixels, self._lock = 0, threading.Lock()

    def translate(
        self, served: ServedModel, asked: TranslateRequest
    ) -> Future[tuple[Task, EncodedResult]]:
        """Translate an image."""
        return run_steps(self._translate(served, asked))

    def style(self, served: ServedModel, asked: StyleRequest) -> Future[Tensor]:
        """Return the style (1, style_dim) of an image."""
        return run_steps(self._style(served, asked))

    def parse(self, body: bytes, function: Callable[[bytes], T]) -> Future[T]:
        """Call a function with the body of a request in one of the two threads."""
        return self._pool.submit(function, body)

    def close(self) -> None:
        """End the threads; what waits for them is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _translate(
        self, served: ServedModel, asked: TranslateRequest
    ) -> Steps[tuple[Task, EncodedResult]]:
        model, submit = served.translator, self._pool.submit
        pixels = yield submit(check_pixels, model, asked)
        with self._room_for(pixels):
            choice = None
            if (
                asked.reference is not None or model.random_styles.are_mapped
            ):  # networks make the style
                choice = yield served.engine.call(lambda: choose(model, asked))
            task: Task = yield submit(read_task, model, asked, choice)
            image: Tensor = yield served.engine.batch(
                task.key and (served.name, *task.key),
                task,
                lambda tasks: translate_tasks(model, tasks),
            )
            result: EncodedResult = yield submit(encode_result, model, task, image, asked)
        return task, result

    def _style(self, served: ServedModel, asked: StyleRequest) -> Steps[Tensor]:
        model = served.translator
        pixels = yield self._pool.submit(check_pixels, model, asked)
        with self._room_for(pixels):
            code: Tensor = yield served.engine.call(
                lambda: style_of(model, [asked.image], asked.to)
            )
        return code

    @contextmanager
    def _room_for(self, pixels: int) -> Iterator[None]:
        """Count the pixels of a request while they are in memory.

        Raises:
            Refused: There are more in one request than are ever held.
            BusyError: There is no room for them now.
        """
        most = _TOGETHER * max_pixels()
        if pixels > most:
            raise Refused(
                413, f"the images of a request have at most {most:,} pixels, found {pixels:,}"
            )
        with self._lock:
            if self._pixels + pixels > most:
                raise BusyError("images of too many pixels are waiting")
            self._pixels += pixels
        try:
            yield
        finally:
            with self._lock:
                self._pixels -= pixels
