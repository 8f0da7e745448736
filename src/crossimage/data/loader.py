"""Samples, joined to batches and loaded by processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from crossimage.config import Config
from crossimage.data.sampler import StepSampler
from crossimage.data.unreadable import Unreadable


@dataclass
class Item:
    """One sample: an image of every domain.

    Attributes:
        images: Float32 tensors (C, H, W) in [-1, 1] by the domains' letters.
        labels: Class numbers of the images of labelled domains by letter, or label vectors.
        unreadable: Files that were skipped on the way: domain name, path and reason.
        error: Why the data can't be used at all. It travels as data, since exceptions leave
            the loader's processes with their tracebacks as text.
    """

    images: dict[str, Tensor]
    unreadable: list[Unreadable] = field(default_factory=list)
    error: str | None = None
    labels: dict[str, int | list[float]] = field(default_factory=dict)


@dataclass
class LoadedBatch:
    """Samples as one batch: images (N, C, H, W), labels (N,) or (N, L); see :class:`Item`."""

    images: dict[str, Tensor]
    unreadable: list[Unreadable]
    error: str | None
    labels: dict[str, Tensor] = field(default_factory=dict)

    def pin_memory(self) -> LoadedBatch:
        """Move the tensors to page-locked memory; the loader calls it for accelerators."""
        self.images = {letter: images.pin_memory() for letter, images in self.images.items()}
        self.labels = {letter: labels.pin_memory() for letter, labels in self.labels.items()}
        return self


def collate(items: Sequence[Item]) -> LoadedBatch:
    """Join samples; a batch with an error has no images."""
    error = next((item.error for item in items if item.error is not None), None)
    unreadable = [entry for item in items for entry in item.unreadable]
    if error is not None:
        return LoadedBatch({}, unreadable, error)
    first = items[0]
    images = {k: torch.stack([item.images[k] for item in items]) for k in first.images}
    labels = {k: torch.tensor([item.labels[k] for item in items]) for k in first.labels}
    return LoadedBatch(images, unreadable, None, labels)


def loader(
    dataset: Dataset[Item],
    config: Config,
    *,
    start: int,
    rank: int = 0,
    world: int = 1,
    pin: bool = False,
) -> Iterator[LoadedBatch]:
    """Micro-batches of one process, for ever, from step ``start`` on.

    Args:
        dataset: The samples.
        config: Batch size, accumulation and loader processes.
        start: First step.
        rank: Number of this process.
        world: Number of processes.
        pin: Put the images into page-locked memory.

    Raises:
        ValueError: The batch can't be cut evenly.
    """
    sampler = StepSampler(config.samples, config.accumulate, rank, world, start)
    batches: DataLoader[Item] = DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=config.workers,
        collate_fn=collate,
        pin_memory=pin,
        worker_init_fn=partial(_start_worker, os.getpid()) if config.workers else None,
        # Its own source of randomness leaves the run's untouched.
        generator=torch.Generator(),
    )
    with _stop_requests_held():
        return iter(batches)


@contextmanager
def _stop_requests_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back, also from processes being started until they can outlive them.

    They inherit what is held back.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(parent: int, _: int) -> None:
    """What a loader process does first."""
    if multiprocessing.get_start_method() == "fork" and os.getppid() != parent:
        # PyTorch would wait for the end of whoever has adopted this process since
        os._exit(1)
    _outlive_stop_requests()


def _outlive_stop_requests() -> None:
    """Leave Ctrl-C and SIGTERM to the training process, which still needs this one to stop well.

    Terminals and job schedulers send them to every process of a run. A SIGTERM of the training
    process itself, which clears up with it, is obeyed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not hasattr(signal, "sigwaitinfo"):
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    parent = os.getppid()

    def wait() -> None:
        while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
