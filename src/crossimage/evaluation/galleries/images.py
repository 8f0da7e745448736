"""Streams of images: decoded ahead in threads, never all in memory, identified by content."""

from __future__ import annotations

import hashlib
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from crossimage.config import DataRules
from crossimage.data.images.files import decode, probe
from crossimage.data.images.formats import EXPECTED
from crossimage.data.left_out import describe
from crossimage.data.sources.find import find_files
from crossimage.utils.intensities import to_uint8
from crossimage.utils.names import near_path_hint
from crossimage.utils.reading import sha256_of

T = TypeVar("T")
R = TypeVar("R")

_READER = 2  # changes when files are read as other pixels; part of the digest
GRAY = (1, 2)
"""Numbers of channels of gray images, without and with opacity."""


class ImageStream:
    """A stream of RGB images that can be iterated over any number of times.

    Args:
        paths: The files, in the order of the stream.
        read: Reads a file as an image (3, H, W) of uint8; called in threads.
        preparation: What ``read`` does to the images, for a reader; part of the digest.
        batch_size: Maximum number of images in a batch; a batch holds images of one size.

    Attributes:
        paths: The files.
        read: Reads a file as an image (3, H, W) of uint8.
        left_out: What their folder holds besides, counted by reason; None if nothing.
    """

    left_out: str | None = None

    def __init__(
        self,
        paths: Sequence[Path],
        read: Callable[[Path], Tensor] | None = None,
        preparation: str = "",
        batch_size: int = 32,
    ) -> None:
        self.paths, self.preparation, self.batch_size = tuple(paths), preparation, batch_size
        self.read = read or read_rgb

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield batches (n, 3, H, W) of uint8 on the CPU; a change of size starts a new batch.

        Raises:
            ValueError: A file can't be used; the message names it.
        """
        batch: list[Tensor] = []
        for image in prefetch(self.read, self.paths, 2 * self.batch_size):
            if batch and (len(batch) == self.batch_size or image.shape != batch[0].shape):
                yield torch.stack(batch)
                batch = []
            batch.append(image)
        if batch:
            yield torch.stack(batch)

    @cached_property
    def digest(self) -> str:
        """Hash of the files' contents, their order and the preparation."""
        whole = hashlib.sha256(f"{_READER} {self.preparation}".encode())
        for part in prefetch(sha256_of, self.paths, 64):
            whole.update(bytes.fromhex(part))
        return whole.hexdigest()

    @cached_property
    def gray(self) -> int:
        """Number of gray files; they are read as RGB with three equal channels."""
        return sum(info.channels in GRAY for info in prefetch(probe, self.paths, 64))


def read_rgb(
    path: Path,
    value_range: tuple[float, float] | None = None,
    rules: DataRules = 3,
    profiles: bool = True,
) -> Tensor:
    """Read a file as uint8 RGB (3, H, W); gray is expanded, opacity composited on white.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file can't be read, or is not a gray or RGB image.
    """
    x = decode(path, 3, value_range, rules=rules, profiles=profiles)
    return as_uint8(x).contiguous()


def as_uint8(x: Tensor) -> Tensor:
    """Convert images to uint8: floats are in [-1, 1], uint8 is returned unchanged."""
    return x if x.dtype == torch.uint8 else to_uint8(x)


def to_rgb(x: Tensor) -> Tensor:
    """Convert uint8 images (..., C, H, W) to RGB: gray is expanded, opacity composited on white.

    Raises:
        ValueError: They have another number of channels than 1, 3 or 4.
    """
    channels = x.shape[-3]
    if channels == 1:
        return x.expand(*x.shape[:-3], 3, *x.shape[-2:])
    if channels == 4:
        colour, opacity = x[..., :3, :, :].float(), x[..., 3:, :, :].float() / 255
        return (255 + (colour - 255) * opacity).round().to(torch.uint8)
    if channels != 3:
        raise ValueError(
            f"found images of {channels} channels, expected gray or RGB: metrics are not defined "
            "for others"
        )
    return x


def check_rgb(x: Tensor) -> None:
    """Check that a tensor holds RGB images of 8 bits.

    Raises:
        ValueError: It is not (N, 3, H, W) of uint8.
    """
    if x.dtype != torch.uint8 or x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(
            f"found a tensor {tuple(x.shape)} of {x.dtype}, expected images (N, 3, H, W) of "
            "torch.uint8"
        )


def check_pairs(x: Tensor, y: Tensor, network: str, smallest: int) -> None:
    """Check that two tensors hold RGB images of 8 bits that a network can compare in pairs.

    Args:
        x: The images.
        y: Their partners.
        network: Name of the network, for error messages.
        smallest: The least height and width that it takes.

    Raises:
        ValueError: They are not (N, 3, H, W) of uint8, differ in shape, or are too small.
    """
    check_rgb(x)
    check_rgb(y)
    if x.shape != y.shape:
        raise ValueError(
            f"found images {tuple(x.shape)} and {tuple(y.shape)}; {network} compares images of "
            "the same size"
        )
    if min(x.shape[2:]) < smallest:
        raise ValueError(
            f"found images of {x.shape[3]} x {x.shape[2]} pixels; {network} needs at least "
            f"{smallest} x {smallest}"
        )


def resize_shortest(x: Tensor, size: int) -> Tensor:
    """Resize images (..., H, W) so that their shortest side is ``size``."""
    if min(x.shape[-2:]) == size:
        return x
    return transforms.resize(x, [size], antialias=True)


def center_square(x: Tensor, size: int) -> Tensor:
    """Resize the shortest side of images (..., H, W) and crop the middle (..., size, size)."""
    return transforms.center_crop(resize_shortest(x, size), [size, size])


def images_in(folder: Path, batch_size: int = 32) -> ImageStream:
    """Return the unprocessed images below a folder, in the order of their names.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: It holds no images.
    """
    if not folder.is_dir():
        hint = near_path_hint(folder)
        raise FileNotFoundError(f"there is no folder {folder}; expected a folder of images{hint}")
    found = find_files(folder)
    left_out = describe(found.left_out)
    if not found.images:
        others = f" ({left_out})" if left_out else ""
        raise ValueError(f"{folder} holds no images{others}; expected {EXPECTED}")
    stream = ImageStream(found.images, batch_size=batch_size)
    stream.left_out = left_out
    return stream


def prefetch(function: Callable[[T], R], items: Iterable[T], count: int) -> Iterator[R]:
    """Apply a function to every item in threads, ``count`` items ahead, and yield in order."""
    with _quiet(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


_lock = threading.Lock()
_inside: list[Any] = []


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings while decoding threads run.

    Decoders silence warnings, which is process-wide: threads would undo it for one another.
    """
    with _lock:
        if not _inside:
            _inside.append(warnings.catch_warnings(action="ignore"))
            _inside[0].__enter__()
        _inside.append(None)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            if len(_inside) == 1:
                _inside.pop().__exit__(None, None, None)
