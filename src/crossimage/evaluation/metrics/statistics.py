"""What the measures need of a set of pictures: gathered as a stream, kept for the next time."""

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

from crossimage.evaluation.galleries.images import Pictures
from crossimage.evaluation.networks.inception import Features
from crossimage.utils.files import atomic
from crossimage.utils.seeds import seed_of

RESERVOIR = 5000
"""Pictures whose features are kept, drawn at random where there are more."""

SPLITS = 10
"""Parts of the set that the inception score may be averaged over."""

_GATHERED = ("total", "outer", "plogp", "mass", "sizes", "kept")
_FORMAT = 1  # of the files in the cache


class Statistics:
    """What the measures need of a set of pictures, gathered batch by batch.

    Its size does not depend on the number of pictures, nor its content on how they are batched.

    Args:
        features: The network that sees the pictures.
        seed: For the choice of the features that are kept and for the splits.

    Attributes:
        features: The network that sees the pictures.
        seed: What the choices depend on.
        count: Pictures so far.
        total: Sum of the features (D,), float64.
        outer: Sum of their outer products (D, D), float64.
        plogp: Sum of p log p over pictures and classes by split (splits,), float64.
        mass: Sum of the class probabilities by split (splits, K), float64.
        sizes: Pictures by split (splits,).
    """

    def __init__(self, features: Features, seed: int = 0) -> None:
        self.features, self.seed, self.count = features, seed, 0
        self._generator = torch.Generator().manual_seed(seed_of(seed, "statistics"))
        self._order = torch.zeros(0)
        # Sums in double precision, which only these two devices know.
        kind = features.device.type
        place = features.device if kind == "cuda" else torch.device("cpu")
        self.total = torch.zeros(features.dim, dtype=torch.float64, device=place)
        self.outer = torch.zeros(features.dim, features.dim, dtype=torch.float64, device=place)
        self.plogp = torch.zeros(SPLITS, dtype=torch.float64, device=place)
        self.mass = torch.zeros(SPLITS, 0, dtype=torch.float64, device=place)
        self.sizes = torch.zeros(SPLITS, dtype=torch.int64)
        self._kept = torch.zeros(RESERVOIR, features.dim, device=place)

    @property
    def kept(self) -> Tensor:
        """Features of the pictures that are kept (min(count, RESERVOIR), D)."""
        return self._kept[: self.count]

    @property
    def mean(self) -> Tensor:
        """Mean of the features (D,), float64."""
        return self.total / self.count

    def update(self, images: Tensor) -> Tensor:
        """Add uint8 pictures (N, 3, H, W); returns their features (N, D)."""
        seen = self.features(images)
        features, logits = (x.to(self.total.device) for x in seen)
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
        """All that was gathered, as tensors on the CPU."""
        found = {name: getattr(self, name) for name in _GATHERED}
        found["count"] = torch.tensor(self.count)
        return {name: x.cpu().contiguous() for name, x in found.items()}

    @classmethod
    def of_state(cls, state: dict[str, Tensor], features: Features, seed: int) -> Statistics:
        """What :meth:`state` was called on; more pictures can't be added to it.

        Raises:
            KeyError, ValueError: The state is of something else.
        """
        self = cls(features, seed)
        self.count = int(state["count"])
        place, dim = self.total.device, features.dim
        self.total, self.outer = state["total"].to(place), state["outer"].to(place)
        self.plogp, self.mass = state["plogp"].to(place), state["mass"].to(place)
        self.sizes, self._kept = state["sizes"], state["kept"].to(place)
        if self.outer.shape != (dim, dim) or self.kept.shape != (min(self.count, RESERVOIR), dim):
            raise ValueError("statistics of other features")
        return self

    def _draw(self, count: int) -> tuple[list[int], Tensor]:
        """Where each of the next pictures is kept, if at all, and the split that it belongs to.

        Every picture is kept with the same probability; of ten in a row each is in another split.
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
    pictures: Pictures,
    features: Features,
    seed: int = 0,
    cache: Path | None = None,
    track: Callable[[Iterable[Tensor]], Iterable[Tensor]] = iter,
) -> Statistics:
    """The statistics of a stream of pictures, from the cache where they were gathered before.

    They are found by the pictures' contents and preparation, the network and the seed. A cache
    that can't be written or read is done without.

    Args:
        pictures: The stream.
        features: The network that sees them.
        seed: For the choice of the features that are kept and for the splits.
        cache: A folder, such as :func:`cache_folder`; None to keep nothing.
        track: Gives the batches of the pictures, and may tell of them as they pass.

    Raises:
        ValueError: A file can't be used; it is named.
    """
    path = None
    if cache is not None:
        parts = (_FORMAT, features.digest, features.device.type, pictures.digest, seed, RESERVOIR)
        path = cache / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.safetensors"
        with suppress(OSError, SafetensorError, KeyError, ValueError):
            return Statistics.of_state(load(path.read_bytes()), features, seed)
    statistics = Statistics(features, seed)
    for images in track(pictures):
        statistics.update(images)
    if path is not None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(path) as file:
                file.write(save(statistics.state()))
    return statistics


def cache_folder() -> Path:
    """Where statistics are kept by default: ``crossimage`` in the user's folder of caches."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "crossimage"
