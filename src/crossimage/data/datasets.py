"""Training samples from unpaired domains: each a pure function of the seed and its number."""

from __future__ import annotations

import hashlib
import os
import signal
import string
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as transforms

from crossimage.config import Config
from crossimage.data.domains import Domain, find_domains
from crossimage.data.images import MAX_PIXELS, BombError, ImageError, decode, normalise
from crossimage.data.sampler import StepSampler
from crossimage.data.tally import Unreadable, UnreadableTally
from crossimage.seeds import seed_of

__all__ = [
    "Domain", "Item", "LoadedBatch", "UnpairedImages", "UnreadableTally",
    "collate", "find_domains", "loader",
]  # fmt: skip


@dataclass
class Item:
    """One sample: an image of every domain.

    Attributes:
        images: Float32 tensors (C, H, W) in [-1, 1] by the domains' letters.
        unreadable: Files that were skipped on the way: domain name, path and reason.
        error: Why the data can't be used at all. It travels as data, since exceptions leave
            the loader's processes with their tracebacks as text.
    """

    images: dict[str, Tensor]
    unreadable: list[Unreadable] = field(default_factory=list)
    error: str | None = None


@dataclass
class LoadedBatch:
    """Samples as one batch: tensors (N, C, H, W) by letter; see :class:`Item`."""

    images: dict[str, Tensor]
    unreadable: list[Unreadable]
    error: str | None

    def pin_memory(self) -> LoadedBatch:
        """Move the images to page-locked memory; the loader calls it for accelerators."""
        self.images = {letter: images.pin_memory() for letter, images in self.images.items()}
        return self


class UnpairedImages(Dataset[Item]):
    """Endless numbered samples; each holds one image of every domain, drawn independently.

    A domain of n images shows each of them once in any n samples from a multiple of n on, in an
    order that is new every time.

    Args:
        domains: Where the images are.
        config: Seed, channels, and how images are resized, cropped and flipped.

    Raises:
        ValueError: ``config.channels`` has not one number a domain.
    """

    def __init__(self, domains: Sequence[Domain], config: Config) -> None:
        self.domains, self.config = tuple(domains), config
        if len(config.channels) != len(domains):
            names = ", ".join(domain.name for domain in domains)
            raise ValueError(
                f"channels names {len(config.channels)} numbers, expected one for each of the "
                f"{len(domains)} domains ({names})"
            )
        self.letters = tuple(string.ascii_lowercase[: len(domains)])
        self._orders: dict[int, tuple[int, Tensor]] = {}

    def __getitem__(self, number: int) -> Item:
        """Load sample ``number``, any number from 0 on."""
        item = Item({})
        try:
            for index, letter in enumerate(self.letters):
                item.images[letter] = self._sample(index, number, item.unreadable)
        except ValueError as error:
            item.error = str(error)
        return item

    def fixed(self, split: Literal["train", "test"], count: int) -> dict[str, Tensor]:
        """Images that stay the same during a run: evenly spread, centre-cropped, not flipped.

        Args:
            split: Which images; domains without test images show training images.
            count: Images a domain; fewer where a domain has fewer.

        Returns:
            Tensors (N, C, H, W) in [-1, 1] by letter, N the same for all.

        Raises:
            ValueError: The images can't be used.
        """
        files = [(split == "test" and domain.test) or domain.train for domain in self.domains]
        count = min(count, *(len(paths) for paths in files))
        images = [self._spread(index, paths, count) for index, paths in enumerate(files)]
        count = min(len(found) for found in images)
        return {
            letter: torch.stack(found[:count])
            for letter, found in zip(self.letters, images, strict=True)
        }

    def fingerprint(self) -> dict[str, str]:
        """What tells whether the training images have changed, by domain name."""
        prints = {}
        for domain in self.domains:
            paths = [Path(os.path.abspath(path)) for path in domain.train]
            root = os.path.commonpath([path.parent for path in paths])
            files = "\n".join(path.relative_to(root).as_posix() for path in paths)
            digest = hashlib.sha256(os.fsencode(files)).hexdigest()[:16]
            prints[domain.name] = f"{len(domain.train)} images, {digest}"
        return prints

    def _order(self, index: int, epoch: int) -> Tensor:
        """Permutation of a domain's images in one of its epochs."""
        cached = self._orders.get(index)
        if cached is None or cached[0] != epoch:
            seed = seed_of(self.config.seed, "order", index, epoch)
            generator = torch.Generator().manual_seed(seed)
            cached = epoch, torch.randperm(len(self.domains[index].train), generator=generator)
            self._orders[index] = cached
        return cached[1]

    def _sample(self, index: int, number: int, unreadable: list[Unreadable]) -> Tensor:
        domain, config = self.domains[index], self.config
        epoch, position = divmod(number, len(domain.train))
        image = self._first_readable(index, epoch, position, unreadable)
        seed = seed_of(config.seed, "augment", index, number)
        generator = torch.Generator().manual_seed(seed)
        height, width = config.crop
        top = torch.randint(image.shape[1] - height + 1, (), generator=generator)
        left = torch.randint(image.shape[2] - width + 1, (), generator=generator)
        image = image[:, top : top + height, left : left + width]
        if config.flip and torch.rand((), generator=generator) < 0.5:
            image = image.flip(2)
        return normalise(image.contiguous())

    def _first_readable(
        self, index: int, epoch: int, position: int, unreadable: list[Unreadable]
    ) -> Tensor:
        """The first readable image of an epoch's order from ``position`` on, resized."""
        domain, order = self.domains[index], self._order(index, epoch)
        for place in range(position, position + len(order)):
            path = domain.train[int(order[place % len(order)])]
            try:
                return self._load(index, path)
            except (ImageError, FileNotFoundError) as error:
                unreadable.append((domain.name, str(path), str(error)))
        raise ValueError(
            f"none of the images of domain {domain.name} can be read; {unreadable[-1][2]}"
        )

    def _load(self, index: int, path: Path) -> Tensor:
        config, half = self.config, self.domains[index].half
        image = decode(path, config.channels[index], config.value_range)
        if half is not None:
            if image.shape[2] % 2:
                raise ImageError(
                    f"{path} is {image.shape[2]} pixels wide; expected a side-by-side pair, which "
                    "has an even width"
                )
            image = image.chunk(2, dim=2)[half]
        size = resized(image.shape[1], image.shape[2], config)
        if size == tuple(image.shape[1:]):
            return image
        if size[0] * size[1] > MAX_PIXELS:
            raise BombError(
                f"{path} is {image.shape[2]} x {image.shape[1]} and would be enlarged to {size[1]} "
                f"x {size[0]} pixels; remove it or set a smaller resize"
            )
        return transforms.resize(image, list(size), antialias=True)  # type: ignore[no-any-return]

    def _spread(self, index: int, paths: Sequence[Path], count: int) -> list[Tensor]:
        images: list[Tensor] = []
        tried: set[Path] = set()
        for place in range(count):
            start = place * len(paths) // count
            for path in (*paths[start:], *paths[:start]):
                if path in tried:
                    continue
                tried.add(path)
                with suppress(ImageError, FileNotFoundError):
                    image = transforms.center_crop(self._load(index, path), self.config.crop)
                    images.append(normalise(image))
                    break
        if not images:
            raise ValueError(f"none of the images of domain {self.domains[index].name} can be read")
        return images


def resized(height: int, width: int, config: Config) -> tuple[int, int]:
    """Height and width of an image before it is cropped: ``config.resize``, at least the crop."""
    scale = config.resize / min(height, width) if config.resize else 1.0
    scale = max(scale, config.crop[0] / height, config.crop[1] / width)
    return max(config.crop[0], round(height * scale)), max(config.crop[1], round(width * scale))


def collate(items: Sequence[Item]) -> LoadedBatch:
    """Join samples; a batch with an error has no images."""
    error = next((item.error for item in items if item.error is not None), None)
    unreadable = [entry for item in items for entry in item.unreadable]
    if error is not None:
        return LoadedBatch({}, unreadable, error)
    letters = items[0].images
    images = {letter: torch.stack([item.images[letter] for item in items]) for letter in letters}
    return LoadedBatch(images, unreadable, None)


def loader(
    dataset: UnpairedImages,
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
    sampler = StepSampler(config.batch_size, config.accumulate, rank, world, start)
    batches: DataLoader[Item] = DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=config.workers,
        collate_fn=collate,
        pin_memory=pin,
        worker_init_fn=_outlive_stop_requests if config.workers else None,
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


def _outlive_stop_requests(_: int) -> None:
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
