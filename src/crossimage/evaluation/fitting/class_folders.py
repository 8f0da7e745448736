"""Real images in class folders, for training and testing classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from crossimage.data.sources.domains.class_folders import find_classes
from crossimage.data.sources.domains.data_set import DataSet
from crossimage.utils.seeds import seed_of

_HELD_OUT = 0.1  # share of every class without a test folder (StarGAN, section 5.4)


@dataclass(frozen=True)
class LabelledPaths:
    """Images with their classes.

    Attributes:
        paths: The files.
        labels: Class index of every file.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...]


def find_class_images(
    data: DataSet, seed: int
) -> tuple[tuple[str, ...], LabelledPaths, LabelledPaths]:
    """Return the names of the classes, the images to train on, and the held-out images.

    Layouts: ``DIR/train/<class>``, with ``DIR/test/<class>`` (or ``val``) held out; or class
    folders in ``DIR/train`` or ``DIR`` alone, with a tenth of each class held out.

    Args:
        data: The folder, or the paths of each class by its name.
        seed: Seed of the choice of that tenth.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: There are fewer than two classes, one has no images, or there are images outside
            of the class folders.
    """
    domain = find_classes(data)
    if len(domain.classes) < 2:
        raise ValueError(
            f"{domain.train_root} holds one class, {domain.classes[0]}; a classifier needs at "
            "least two class folders"
        )
    train = LabelledPaths(domain.train, domain.class_indices)
    if domain.test:
        return domain.classes, train, LabelledPaths(domain.test, domain.test_class_indices)
    chosen: set[int] = set()
    for number, name in enumerate(domain.classes):
        indices = [index for index, label in enumerate(train.labels) if label == number]
        if len(indices) < 2:
            raise ValueError(
                f"{domain.train_root / name} holds one image; at least two are needed, one to "
                "train on and one to hold out"
            )
        generator = torch.Generator().manual_seed(seed_of(seed, "held out", name))
        order = torch.randperm(len(indices), generator=generator).tolist()
        chosen |= {indices[k] for k in order[: max(1, round(_HELD_OUT * len(indices)))]}
    rest = [index for index in range(len(train.paths)) if index not in chosen]
    return domain.classes, _subset(train, rest), _subset(train, sorted(chosen))


def _subset(images: LabelledPaths, indices: Sequence[int]) -> LabelledPaths:
    paths = tuple(images.paths[index] for index in indices)
    return LabelledPaths(paths, tuple(images.labels[index] for index in indices))
