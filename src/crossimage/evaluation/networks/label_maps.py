"""Real photos with label maps, to train segmenters on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from crossimage.data.sources.folders import Domain, scan_domains
from crossimage.data.sources.pairs import align
from crossimage.evaluation.galleries.images import read_rgb
from crossimage.evaluation.networks.palette import Palette
from crossimage.utils.seeds import seed_of

_HELD_OUT = 0.1  # share of the pairs, where there is no folder of its own
_PROBED = 3  # pictures of each domain that are looked at to tell photos from label maps


@dataclass(frozen=True)
class Pairs:
    """Photos with their label maps.

    Attributes:
        photos: Files of the photos.
        labels: Files of the label maps, in the same order.
        halves: Which half of its file is a photo, and a label map; None: all of it.
        palette: The classes of the label maps' colours.
    """

    photos: tuple[Path, ...]
    labels: tuple[Path, ...]
    halves: tuple[int | None, int | None]
    palette: Palette

    def read(self, place: int) -> tuple[Tensor, Tensor]:
        """A photo (3, H, W) and its label map (3, h, w), of uint8."""
        both = []
        for path, half in zip((self.photos[place], self.labels[place]), self.halves, strict=True):
            x = read_rgb(path)
            both.append(x if half is None else x.chunk(2, dim=2)[half])
        return both[0], both[1]

    def some(self, places: Sequence[int]) -> Pairs:
        """The pairs of these places."""
        photos = tuple(self.photos[place] for place in places)
        labels = tuple(self.labels[place] for place in places)
        return Pairs(photos, labels, self.halves, self.palette)


def find_pairs(data: str, palette: Palette, seed: int) -> tuple[Pairs, Pairs]:
    """The pairs of a data set to train on, and those to hold out: test pairs, or a tenth of all.

    Which of the two domains holds the label maps, the colours of its first pictures tell.

    Args:
        data: The data set, in any layout of pairs that can be trained on.
        palette: The classes and their colours.
        seed: Seed of the choice of that tenth.

    Raises:
        FileNotFoundError: A folder or a file is missing.
        ValueError: The images are no pairs of photos and label maps, or there is only one.
    """
    domains = align(scan_domains(data))
    distances = [_distance(domain, palette) for domain in domains]
    if distances[0] == distances[1]:
        raise ValueError(
            f"{domains[0].train_root} and {domains[1].train_root} fit the table's colours equally "
            "well; expected photos in one of them and label maps in the other"
        )
    labels, photos = sorted(domains, key=lambda d: distances[domains.index(d)])
    halves, files = (photos.half, labels.half), (photos.train, labels.train)
    train = Pairs(*files, halves, palette)
    if photos.test:
        return train, Pairs(photos.test, labels.test, halves, palette)
    count = len(photos.train)
    if count < 2:
        raise ValueError(
            f"{photos.train_root} holds one pair; at least two are needed, one to train on and one "
            "to hold out"
        )
    generator = torch.Generator().manual_seed(seed_of(seed, "held out"))
    order = torch.randperm(count, generator=generator).tolist()
    border = max(1, round(_HELD_OUT * count))
    return train.some(sorted(order[border:])), train.some(sorted(order[:border]))


def _distance(domain: Domain, palette: Palette) -> float:
    """How far the colours of a domain's first pictures are from those of the table."""
    pairs = Pairs(domain.train, domain.train, (domain.half, domain.half), palette)
    some = range(min(_PROBED, len(domain.train)))
    return sum(palette.distance(pairs.read(k)[0], domain.train[k]) for k in some) / len(some)
