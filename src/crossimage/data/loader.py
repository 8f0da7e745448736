"""Samples joined into batches, loaded by worker processes."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from crossimage.config import Config
from crossimage.data.sampler import StepSampler
from crossimage.data.unreadable import Unreadable
from crossimage.data.worker_crashes import CurrentFiles, WorkerCrashes
from crossimage.utils.signals import STOP_SIGNALS

_DYING = 10.0  # seconds that a worker which broke its connection may take to die


@dataclass
class Sample:
    """One image of each domain.

    Attributes:
        images: Float32 tensors (C, H, W) in [-1, 1] by the domains' letters.
        labels: Class indices of the images by letter, or label vectors; see the data set's class.
        files: The files from which the images were read.
        unreadable: Files that were skipped: domain name, path and reason.
        error: Why the data cannot be used at all. It is passed on as data, because exceptions leave
            worker processes with their tracebacks as text.
    """

    images: dict[str, Tensor]
    unreadable: list[Unreadable] = field(default_factory=list)
    error: str | None = None
    labels: dict[str, int | list[float]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


class NumberedSamples(Dataset[Sample], ABC):
    """Samples that are loaded by their numbers."""

    @property
    @abstractmethod
    def deadly(self) -> dict[str, str]:
        """Reasons why files are not read, by path: they ended the process that read them."""


@dataclass
class LoadedBatch:
    """Samples as one batch: images (N, C, H, W), and class indices (N,) or label vectors (N, L)."""

    images: dict[str, Tensor]
    unreadable: list[Unreadable]
    error: str | None
    labels: dict[str, Tensor] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def pin_memory(self) -> LoadedBatch:
        """Move the tensors to page-locked memory; called by PyTorch's loader for accelerators."""
        self.images = {letter: images.pin_memory() for letter, images in self.images.items()}
        self.labels = {letter: labels.pin_memory() for letter, labels in self.labels.items()}
        return self


def collate(samples: Sequence[Sample]) -> LoadedBatch:
    """Join samples into a batch; a batch with an error has no images."""
    error = next((sample.error for sample in samples if sample.error is not None), None)
    unreadable = [entry for sample in samples for entry in sample.unreadable]
    if error is not None:
        return LoadedBatch({}, unreadable, error)
    first = samples[0]
    images = {k: torch.stack([sample.images[k] for sample in samples]) for k in first.images}
    labels = {k: torch.tensor([sample.labels[k] for sample in samples]) for k in first.labels}
    files = [file for sample in samples for file in sample.files]
    return LoadedBatch(images, unreadable, None, labels, files)


def load_batches(
    dataset: NumberedSamples,
    config: Config,
    *,
    start: int,
    rank: int = 0,
    world: int = 1,
    pin: bool = False,
) -> Iterator[LoadedBatch]:
    """Return an endless iterator over the micro-batches of one process.

    Args:
        dataset: The samples.
        config: Batch size, accumulation and worker processes.
        start: First step.
        rank: Rank of this process.
        world: Number of processes.
        pin: Whether to put the tensors into page-locked memory.

    Raises:
        ValueError: The batch cannot be divided evenly.
    """
    StepSampler(config.samples, config.accumulate, rank, world, start)  # checks the numbers
    files = CurrentFiles(config.workers) if config.workers else None

    def begin(delivered: int) -> Iterator[LoadedBatch]:
        """Start loading after a number of micro-batches."""
        steps, within = divmod(delivered, config.accumulate)
        sampler = StepSampler(config.samples, config.accumulate, rank, world, start + steps)
        with warnings.catch_warnings():
            # workers also wait for disks and networks, so they may outnumber the cores
            warnings.filterwarnings("ignore", "This DataLoader will create")
            batches: DataLoader[Sample] = DataLoader(
                dataset,
                batch_sampler=_Later(sampler, within),
                num_workers=config.workers,
                collate_fn=collate,
                pin_memory=pin,
                worker_init_fn=partial(_start_worker, os.getpid(), files) if files else None,
                # a separate generator leaves the run's random state untouched
                generator=torch.Generator(),
            )
            with _stop_requests_held(), _sigchld_restored():
                return iter(batches)

    if files is None:
        return begin(0)
    return _LastingBatches(begin, files, dataset.deadly)


class _Later(Sampler[list[int]]):
    """The micro-batches of a sampler without the first ones."""

    def __init__(self, sampler: StepSampler, skipped: int) -> None:
        self._sampler, self._skipped = sampler, skipped

    def __iter__(self) -> Iterator[list[int]]:
        return islice(self._sampler, self._skipped, None)


class _LastingBatches(Iterator[LoadedBatch]):
    """Micro-batches from worker processes, which are started again when one of them dies.

    Since every sample is a function of its number and of the unreadable files, nothing else
    changes: the file that a worker was reading counts as unreadable.

    Args:
        begin: Starts loading after a number of micro-batches.
        files: The files that the workers are reading.
        deadly: Reasons why files are not read, by path; files that end a worker are added.
    """

    def __init__(
        self,
        begin: Callable[[int], Iterator[LoadedBatch]],
        files: CurrentFiles,
        deadly: dict[str, str],
    ) -> None:
        self._begin, self._files, self._crashes = begin, files, WorkerCrashes(deadly)
        self._delivered = 0
        self._running: Any = begin(0)

    def __next__(self) -> LoadedBatch:
        """Return the next micro-batch.

        Raises:
            RuntimeError: Workers die again and again, for no file's fault.
        """
        while True:
            try:
                batch: LoadedBatch = next(self._running)
            except (RuntimeError, OSError, EOFError):
                died = self._died()
                if not died or not self._crashes.judge(died, self._files):
                    raise
            else:
                self._delivered += 1
                self._crashes.survived()
                return batch
            self._running._shutdown_workers()
            self._files.clear()
            self._running = self._begin(self._delivered)

    def _died(self) -> dict[int, int]:
        """Return the exit status of each worker that died; one may be just about to."""
        workers = self._running._workers
        ending = multiprocessing.connection.wait([w.sentinel for w in workers], _DYING)
        for worker in workers:
            if worker.sentinel in ending:  # it has closed its files, but has no exit status yet
                worker.join(_DYING)
        return {number: w.exitcode for number, w in enumerate(workers) if w.exitcode}


@contextmanager
def _sigchld_restored() -> Iterator[None]:
    """Keep PyTorch from raising an error in the middle of a step when a worker dies.

    It is noticed when the next batch is awaited.
    """
    in_main = threading.current_thread() is threading.main_thread()
    number = getattr(signal, "SIGCHLD", None)
    before = signal.getsignal(number) if in_main and number is not None else None
    try:
        yield
    finally:
        if before is not None and number is not None:
            signal.signal(number, before)


@contextmanager
def _stop_requests_held() -> Iterator[None]:
    """Block the signals that stop a run while worker processes are started.

    The workers inherit the block, so that no signal reaches them before they can handle it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(training: int, files: CurrentFiles | None, number: int) -> None:
    """Prepare a worker process: end with the training process, but survive stop requests."""
    parent = training if multiprocessing.get_start_method() == "fork" else os.getppid()
    if os.getppid() != parent:  # it has died already
        os._exit(1)
    if files is not None:
        files.attach(number)
    _outlive_stop_requests(parent)


def _outlive_stop_requests(parent: int) -> None:
    """Leave stop requests to the training process, which needs its workers to stop cleanly.

    Terminals and job schedulers send them to every process of a run. A SIGTERM from the training
    process itself, which cleans up with it, is obeyed. PyTorch ends the workers of a process that
    was killed, unless it was killed before they looked up their parent.
    """
    for number in STOP_SIGNALS - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    if not hasattr(signal, "sigtimedwait"):
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def wait() -> None:
        while os.getppid() == parent:
            received = signal.sigtimedwait({signal.SIGTERM}, 1.0)
            if received is not None and received.si_pid == parent:
                break
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
