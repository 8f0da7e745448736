"""Pairs of photos and label maps, for training segmenters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from crossimage.data.sources.domains.data_set import DataSet
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.pairs import align
from crossimage.evaluation.galleries.images import read_rgb
from crossimage.evaluation.networks.palette import Palette
from crossimage.utils.seeds import seed_of

_HELD_OUT = 0.1  # share of the pairs, where there is no test folder
_PROBED = 3  # images of each domain that are examined to tell photos from label maps
_FARTHEST = (
    16.0  # levels, of 255, that colours of lossy label maps are from the table's, in the mean
)


@dataclass(frozen=True)
class PhotoPairs:
    """Photos with their label maps.

    Attributes:
        photos: Files of the photos.
        labels: Files of the label maps, in the same order.
        halves: Which half of its file is the photo, and which the label map; None: all of it.
        palette: The classes of the label maps' colours.
    """

    photos: tuple[Path, ...]
    labels: tuple[Path, ...]
    halves: tuple[int | None, int | None]
    palette: Palette

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Read a photo (3, H, W) and its label map (3, h, w), of uint8."""
        both = []
        files = (self.photos[index], self.labels[index])
        for path, half, is_photo in zip(files, self.halves, (True, False), strict=True):
            x = read_rgb(path, profiles=is_photo)
            both.append(x if half is None else x.chunk(2, dim=2)[half])
        return both[0], both[1]

    def subset(self, indices: Sequence[int]) -> PhotoPairs:
        """Return the pairs of these indices."""
        photos = tuple(self.photos[index] for index in indices)
        labels = tuple(self.labels[index] for index in indices)
        return PhotoPairs(photos, labels, self.halves, self.palette)


def find_photo_pairs(data: DataSet, palette: Palette, seed: int) -> tuple[PhotoPairs, PhotoPairs]:
    """Return the pairs of a data set to train on and those held out: test pairs, or a tenth of all.

    The colours of their first images tell which of the two domains holds the label maps.

    Args:
        data: The data set, in any layout of pairs that can be trained on.
        palette: The classes and their colours.
        seed: Seed of the choice of that tenth.

    Raises:
        FileNotFoundError: A folder or a file is missing.
        ValueError: The images are not pairs of photos and label maps in these colours, or there is
            only one.
    """
    domains = align(scan_domains(data))
    distances = [_distance(domain, palette) for domain in domains]
    if distances[0] == distances[1]:
        raise ValueError(
            f"{domains[0].train_root} and {domains[1].train_root} fit the table's colours equally "
            "well; expected photos in one of them and label maps in the other"
        )
    if min(distances) > _FARTHEST:
        raise ValueError(
            f"neither {domains[0].train_root} nor {domains[1].train_root} holds label maps in the "
            f"table's colours, from which theirs are {distances[0]:.0f} and {distances[1]:.0f} "
            "levels of 255 away; give the table of these label maps"
        )
    labels, photos = sorted(domains, key=lambda d: distances[domains.index(d)])
    halves, files = (photos.half, labels.half), (photos.train, labels.train)
    train = PhotoPairs(*files, halves, palette)
    if photos.test and labels.test:
        return train, PhotoPairs(photos.test, labels.test, halves, palette)
    count = len(photos.train)
    if count < 2:
        raise ValueError(
            f"{photos.train_root} holds one pair; at least two are needed, one to train on and one "
            "to hold out"
        )
    generator = torch.Generator().manual_seed(seed_of(seed, "held out"))
    order = torch.randperm(count, generator=generator).tolist()
    border = max(1, round(_HELD_OUT * count))
    return train.subset(sorted(order[border:])), train.subset(sorted(order[:border]))


def _distance(domain: Domain, palette: Palette) -> float:
    """Return how far the colours of a domain's first images are from those of the table."""
    pairs = PhotoPairs(domain.train, domain.train, (domain.half, domain.half), palette)
    probed = range(min(_PROBED, len(domain.train)))
    return sum(palette.distance(pairs.read(k)[0], domain.train[k]) for k in probed) / len(probed)
