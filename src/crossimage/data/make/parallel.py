"""Threads that read and write images at the same time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from crossimage.utils.numbers import whole


@contextmanager
def threads(workers: int | None) -> Iterator[ThreadPoolExecutor]:
    """Provide threads.

    The readers of images silence warnings, which concerns all threads of a process at once; so they
    are silent as long as the threads run.

    Args:
        workers: Number of threads; None: as many as there are cores.

    Raises:
        ValueError: The number is below 1.
    """
    if workers is not None:
        whole(workers, "workers", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # what is begun is waited for
                raise
