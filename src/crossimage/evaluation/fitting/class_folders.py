"""Real images in class folders, to train classifiers on and to measure them with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from crossimage.data.sources.classes import classified
from crossimage.data.sources.folders import find_images
from crossimage.utils.seeds import seed_of

_HELD_OUT = 0.1  # share of every class, where there is no folder of its own (StarGAN, section 5.4)


@dataclass(frozen=True)
class Examples:
    """Images with their classes.

    Attributes:
        paths: The files.
        labels: Class number of every file.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...]


def find_examples(data: str, seed: int) -> tuple[tuple[str, ...], Examples, Examples]:
    """Images in class folders: names of the classes, images to train on, images to hold out.

    Layouts: ``DIR/train/<class>`` with ``DIR/test/<class>`` (or ``val``) to hold out; or class
    folders in ``DIR/train`` or ``DIR`` alone, of each of which a tenth is held out.

    Args:
        data: The folder.
        seed: Seed of the choice of that tenth.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There are fewer than two classes, one has no images, or images lie outside.
    """
    (domain,) = classified([find_images(data)], [0])
    if len(domain.classes) < 2:
        raise ValueError(
            f"{domain.train_root} holds one class, {domain.classes[0]}; a classifier needs at "
            "least two class folders"
        )
    train = Examples(domain.train, domain.class_indices)
    if domain.test:
        return domain.classes, train, Examples(domain.test, domain.test_class_indices)
    chosen: set[int] = set()
    for number, name in enumerate(domain.classes):
        places = [place for place, label in enumerate(train.labels) if label == number]
        if len(places) < 2:
            raise ValueError(
                f"{domain.train_root / name} holds one image; at least two are needed, one to "
                "train on and one to hold out"
            )
        generator = torch.Generator().manual_seed(seed_of(seed, "held out", name))
        order = torch.randperm(len(places), generator=generator).tolist()
        chosen |= {places[k] for k in order[: max(1, round(_HELD_OUT * len(places)))]}
    rest = [place for place in range(len(train.paths)) if place not in chosen]
    return domain.classes, _some(train, rest), _some(train, sorted(chosen))


def _some(examples: Examples, places: Sequence[int]) -> Examples:
    paths = tuple(examples.paths[place] for place in places)
    return Examples(paths, tuple(examples.labels[place] for place in places))
