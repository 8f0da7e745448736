"""Feature statistics of a set of images, accumulated as a stream and cached on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional

from crossimage.evaluation.galleries.images import ImageStream
from crossimage.evaluation.networks.inception import FeatureExtractor
from crossimage.utils.files import atomic
from crossimage.utils.reading import read_data
from crossimage.utils.seeds import seed_of
from crossimage.utils.writing.folders import make_folder

RESERVOIR = 5000
"""Number of images whose features are kept, drawn at random where there are more."""

SPLITS = 10
"""Splits of the set that the inception score may be averaged over."""

_STATE = ("total", "outer", "plogp", "mass", "sizes", "kept")
_FORMAT = 1  # of the files in the cache


class Statistics:
    """Feature statistics of a set of images, accumulated batch by batch.

    Their size does not depend on the number of images, nor their values on how these are batched.

    Args:
        network: Computes the features.
        seed: Seed of the choice of the features that are kept, and of the splits.

    Attributes:
        network: Computes the features.
        seed: Seed of the choices.
        count: Number of images so far.
        total: Sum of the features (D,), float64.
        outer: Sum of their outer products (D, D), float64.
        plogp: Sum of p log p over images and classes by split (splits,), float64.
        mass: Sum of the class probabilities by split (splits, K), float64.
        sizes: Number of images by split (splits,).
    """

    def __init__(self, network: FeatureExtractor, seed: int = 0) -> None:
        self.network, self.seed, self.count = network, seed, 0
        self._generator = torch.Generator().manual_seed(seed_of(seed, "statistics"))
        self._order = torch.zeros(0)
        # Sums are in double precision, which not every device supports.
        device = network.device if network.device.type == "cuda" else torch.device("cpu")
        self.total = torch.zeros(network.dim, dtype=torch.float64, device=device)
        self.outer = torch.zeros(network.dim, network.dim, dtype=torch.float64, device=device)
        self.plogp = torch.zeros(SPLITS, dtype=torch.float64, device=device)
        self.mass = torch.zeros(SPLITS, 0, dtype=torch.float64, device=device)
        self.sizes = torch.zeros(SPLITS, dtype=torch.int64)
        self._kept = torch.zeros(RESERVOIR, network.dim, device=device)

    @property
    def kept(self) -> Tensor:
        """Features of the images that are kept (min(count, RESERVOIR), D)."""
        return self._kept[: self.count]

    @property
    def mean(self) -> Tensor:
        """Mean of the features (D,), float64."""
        return self.total / self.count

    @property
    def covariance(self) -> Tensor:
        """Covariance of the features (D, D), float64."""
        return (self.outer - self.count * torch.outer(self.mean, self.mean)) / (self.count - 1)

    def update(self, images: Tensor) -> Tensor:
        """Add uint8 images (N, 3, H, W) and return their features (N, D)."""
        features, logits = (x.to(self.total.device) for x in self.network(images))
        exact = features.double()
        self.total += exact.sum(0)
        self.outer.addmm_(exact.T, exact)
        slots, splits = self._draw(len(images))
        for row, slot in enumerate(slots):
            if slot < RESERVOIR:
                self._kept[slot] = features[row]
        # A product with ones and zeros: adding by index is not reproducible on a GPU.
        belongs = functional.one_hot(splits, SPLITS).T
        self.sizes += belongs.sum(1)
        log_p = logits.double().log_softmax(1)
        p = log_p.exp()
        here = belongs.to(p)
        if not self.count:
            self.mass = p.new_zeros(SPLITS, p.shape[1])
        self.mass += here @ p
        self.plogp += here @ (p * log_p).sum(1)
        self.count += len(images)
        return features

    def state(self) -> dict[str, Tensor]:
        """Return everything as tensors on the CPU."""
        state = {name: getattr(self, name) for name in _STATE}
        state["count"] = torch.tensor(self.count)
        return {name: x.cpu().contiguous() for name, x in state.items()}

    @classmethod
    def from_state(
        cls, state: dict[str, Tensor], network: FeatureExtractor, seed: int
    ) -> Statistics:
        """Restore what :meth:`state` returned; more images can't be added to it.

        Raises:
            KeyError, ValueError: It is the state of something else.
        """
        self = cls(network, seed)
        self.count = int(state["count"])
        device, dim = self.total.device, network.dim
        self.total, self.outer = state["total"].to(device), state["outer"].to(device)
        self.plogp, self.mass = state["plogp"].to(device), state["mass"].to(device)
        self.sizes, self._kept = state["sizes"], state["kept"].to(device)
        if self.outer.shape != (dim, dim) or self.kept.shape != (min(self.count, RESERVOIR), dim):
            raise ValueError("statistics of other features")
        return self

    def _draw(self, count: int) -> tuple[list[int], Tensor]:
        """Return the slot where each of the next images is kept, if at all, and its split.

        Every image is kept with the same probability; ten in a row are in ten different splits.
        """
        slots, splits = [], []
        for number in range(self.count, self.count + count):
            if number % SPLITS == 0:
                self._order = torch.randperm(SPLITS, generator=self._generator)
            splits.append(int(self._order[number % SPLITS]))
            slots.append(number)
            if number >= RESERVOIR:
                slots[-1] = int(torch.randint(number + 1, (), generator=self._generator))
        return slots, torch.tensor(splits, dtype=torch.int64)


def statistics_of(
    images: ImageStream,
    network: FeatureExtractor,
    seed: int = 0,
    cache: Path | None = None,
    track: Callable[[Iterable[Tensor]], Iterable[Tensor]] = iter,
) -> Statistics:
    """Compute the statistics of a stream of images, or read them from the cache.

    The cache is keyed by the images' contents and preparation, the network and the seed. A cache
    that can't be read or written is ignored.

    Args:
        images: The stream.
        network: Computes the features.
        seed: Seed of the choice of the features that are kept, and of the splits.
        cache: A folder, such as :func:`cache_folder`; None to keep nothing.
        track: Iterates over the batches, and may report progress.

    Raises:
        ValueError: A file can't be used; it is named.
    """
    path = None
    if cache is not None:
        parts = (_FORMAT, network.digest, network.device.type, images.digest, seed, RESERVOIR)
        path = cache / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.safetensors"
        with suppress(OSError, SafetensorError, KeyError, ValueError):
            return Statistics.from_state(load(read_data(path)), network, seed)
    statistics = Statistics(network, seed)
    for batch in track(images):
        statistics.update(batch)
    if path is not None:
        with suppress(OSError):
            make_folder(path.parent)
            with atomic(path) as file:
                file.write(save(statistics.state()))
    return statistics


def cache_folder() -> Path:
    """Return where statistics are cached by default: ``crossimage`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "crossimage"
