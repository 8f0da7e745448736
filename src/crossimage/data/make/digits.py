"""Data sets made from MNIST, Fashion-MNIST, USPS and SVHN, whose files the user provides.

Pairs of them serve domain adaptation, with a labelled source and an unlabelled target; single ones
serve the generation of images from noise. MNIST-M is made here: every digit of MNIST is blended
into a random patch of a photo (Ganin et al., Domain-Adversarial Training of Neural Networks, JMLR
2016).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from crossimage.data.images.arrays import to_pil
from crossimage.data.images.files import probe, read_image
from crossimage.data.make.made import MadeDataset, command, training_command
from crossimage.data.make.originals import Pixels, Splits, find_digits
from crossimage.data.sources.find import find_files
from crossimage.data.sources.folders import SPLITS, Split
from crossimage.utils.files import new_folder
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.pictures import save_png

Indices = NDArray[np.int64]

CLOTHES = (
    "tshirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle_boot",
)  # fmt: skip
"""The classes of Fashion-MNIST by their numbers."""
_HELD_OUT = 4  # one photo in 4 provides the patches of the test digits


_RECIPES = {
    "mnist2usps": "unit_da/mnist2usps_small",
    "usps2mnist": "unit_da/usps2mnist_small",
    "svhn2mnist": "unit_da/svhn2mnist",
    "mnist2mnistm": "unit_da/mnist2mnistm",
    "mnistm2mnist": "dtn/mnistm2mnist_small",
}

Painter = Callable[[Split, Indices], Iterator[tuple[int, Pixels]]]
"""Yields the images of some digits of a split, in any order, each with the digit's index."""


def make_digits(
    source: str, target: str, out: Path, *, originals: Path, seed: int = 0, count: int | None = None
) -> MadeDataset:
    """Write the digits of two data sets as A, the source, and B, the target.

    The folders are trainA/<class>, trainB, testA/<class> and testB/<class>: the classes of the
    target's training images are not written, so that nothing can use them. The digits keep their
    sizes, and are named by their indices in the original files.

    Args:
        source: ``mnist``, ``usps`` or ``svhn``.
        target: Another of these.
        out: The folder to create; removed after an error.
        originals: Folder with the original files at any depth.
        seed: Seed of the choice of ``count`` images.
        count: Training images per domain; None: all.

    Returns:
        What was written, and the command that trains on it.

    Raises:
        FileNotFoundError: The original files are missing.
        ValueError: They cannot be read, ``out`` exists and is not empty, or ``count`` is less
            than 1.
    """
    both = [find_digits(name, originals) for name in (source, target)]
    summary = _write(out, both, [_plain(digits) for digits in both], seed, count)
    return MadeDataset(summary, _following(f"{source}2{target}", out))


def make_mnistm(
    source: str,
    out: Path,
    *,
    originals: Path,
    photos: Path,
    seed: int = 0,
    count: int | None = None,
) -> MadeDataset:
    """Write MNIST and MNIST-M as A, the source, and B, in the folders of :func:`make_digits`.

    An image of MNIST-M is |patch - digit|, for each colour of a random patch of the digit's size.
    The patches of training and test digits come from different photos. Photos smaller than a digit
    are not used.

    Args:
        source: ``mnist`` or ``mnistm``; the other one is the target.
        out: The folder to create; removed after an error.
        originals: Folder with MNIST's original files at any depth.
        photos: Folder of photos.
        seed: Seed of the patches and of the choice of ``count`` images.
        count: Training images per domain; None: all.

    Returns:
        What was written, and the command that trains on it.

    Raises:
        FileNotFoundError: The original files or the photos are missing.
        ValueError: Files cannot be read, ``out`` exists and is not empty, or ``count`` is less
            than 1.
    """
    mnist = find_digits("mnist", originals)
    painters = [_plain(mnist), _blended(mnist, photos, seed)]
    if source != "mnist":
        painters.reverse()
    summary = _write(out, [mnist, mnist], painters, seed, count)
    name = "mnist2mnistm" if source == "mnist" else "mnistm2mnist"
    return MadeDataset(summary, _following(name, out))


def make_images(
    name: str, out: Path, *, originals: Path, seed: int = 0, count: int | None = None
) -> MadeDataset:
    """Write a data set's training images into the folder ``train``, without their classes.

    Args:
        name: A data set's name, as for :func:`find_digits`.
        out: The folder to create; removed after an error.
        originals: Folder with the original files at any depth.
        seed: Seed of the choice of ``count`` images.
        count: Number of images; None: all.

    Returns:
        What was written, and the command that trains on it.

    Raises:
        FileNotFoundError: The original files are missing.
        ValueError: They cannot be read, ``out`` exists and is not empty, or ``count`` is less
            than 1.
    """
    digits = find_digits(name, originals)
    indices = _choose(len(digits["train"].labels), count, [seed])
    with new_folder(out) as parent:
        _write_folder(parent / "train", "train", indices, _plain(digits))
    return MadeDataset(f"{len(indices)} images", training_command("gan/fashion", out))


def make_classes(
    out: Path, *, originals: Path, seed: int = 0, count: int | None = None
) -> MadeDataset:
    """Write Fashion-MNIST into class folders, train/<class> and test/<class>.

    Args:
        out: The folder to create; removed after an error.
        originals: Folder with the original files at any depth.
        seed: Seed of the choice of ``count`` images.
        count: Number of training images; None: all.

    Returns:
        What was written, and the command that trains on it.

    Raises:
        FileNotFoundError: The original files are missing.
        ValueError: They cannot be read, ``out`` exists and is not empty, or ``count`` is less
            than 1.
    """
    digits = find_digits("fashionmnist", originals)
    written: list[str] = []
    with new_folder(out) as parent:
        for split in SPLITS:
            chosen = count if split == "train" else None
            indices = _choose(len(digits[split].labels), chosen, [seed])
            written.append(f"{len(indices)} images in {split}")
            names = np.array(CLOTHES)[digits[split].labels]
            _write_folder(parent / split, split, indices, _plain(digits), names)
    return MadeDataset(", ".join(written), training_command("funit/fashion", out))


MAKERS: dict[str, Callable[..., MadeDataset]] = {
    "mnist2usps": partial(make_digits, "mnist", "usps"),
    "usps2mnist": partial(make_digits, "usps", "mnist"),
    "svhn2mnist": partial(make_digits, "svhn", "mnist"),
    "mnist2mnistm": partial(make_mnistm, "mnist"),
    "mnistm2mnist": partial(make_mnistm, "mnistm"),
    "mnist": partial(make_images, "mnist"),
    "fashion": partial(make_images, "fashionmnist"),
    "fashion_classes": make_classes,
}


def _following(name: str, out: Path) -> str:
    """Return the command for two data sets of digits, which a recipe may be made for."""
    if name in _RECIPES:
        return training_command(_RECIPES[name], out)
    return command("data", "inspect", out)


def _write(
    out: Path, domains: Sequence[Splits], painters: Sequence[Painter], seed: int, count: int | None
) -> str:
    """Write the images of two domains, and return how many there are."""
    written: list[str] = []
    with new_folder(out) as parent:
        for letter, digits, paint in zip("AB", domains, painters, strict=True):
            for split in SPLITS:
                folder, labels = parent / f"{split}{letter}", digits[split].labels
                chosen = count if split == "train" else None
                indices = _choose(len(labels), chosen, [seed, ord(letter)])
                known = None if folder.name == "trainB" else labels
                _write_folder(folder, split, indices, paint, known)
                written.append(f"{len(indices)} images in {folder.name}")
    return ", ".join(written)


def _choose(total: int, count: int | None, seed: Sequence[int]) -> Indices:
    """Return the sorted indices of ``count`` random images, or of all."""
    if count is not None and count < 1:
        raise ValueError(f"expected count of at least 1, found {count}")
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])


def _write_folder(
    folder: Path,
    split: Split,
    indices: Indices,
    paint: Painter,
    labels: NDArray[Any] | None = None,
) -> None:
    """Write some images of a split, into a folder per class if there are labels."""
    for label in [None] if labels is None else np.unique(labels[indices]):
        make_folder(folder if label is None else folder / str(label))
    console = Console(stderr=True)
    images = track(
        paint(split, indices), escape(f"writing {folder.name}"), len(indices),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    for index, pixels in images:
        below = folder if labels is None else folder / str(labels[index])
        save_png(Image.fromarray(pixels), below / f"{index:05d}.png")


def _plain(digits: Splits) -> Painter:
    """Return a painter of the digits as they are."""

    def paint(split: Split, indices: Indices) -> Iterator[tuple[int, Pixels]]:
        return ((int(index), digits[split].images[index]) for index in indices)

    return paint


def _blended(digits: Splits, photos: Path, seed: int) -> Painter:
    """Return a painter of MNIST-M; each image depends only on the digit's index and the seed."""
    side = digits["train"].images.shape[1]
    if not photos.is_dir():
        raise FileNotFoundError(f"there is no folder {photos}; expected a folder of photos")
    large = [p for p in find_files(photos).images if min(probe(p).width, probe(p).height) >= side]
    if len(large) < 2:
        raise ValueError(
            f"{photos} holds {len(large)} photos of at least {side} x {side} pixels; expected 2 or "
            "more, some for the training digits and others for the test digits"
        )
    used = {
        "train": [path for i, path in enumerate(large) if i % _HELD_OUT],
        "test": large[::_HELD_OUT],
    }

    def paint(split: Split, indices: Indices) -> Iterator[tuple[int, Pixels]]:
        # three random numbers per digit: its photo and the position of the patch
        rng = np.random.default_rng([seed, SPLITS.index(split)])
        random = rng.random((len(digits[split].labels), 3))[indices]
        choice = (random[:, 0] * len(used[split])).astype(int)
        for which in np.unique(choice):  # each photo is read once
            photo = np.asarray(to_pil(read_image(used[split][which])))
            room = np.array(photo.shape[:2]) - side + 1
            for row in np.flatnonzero(choice == which):
                top, left = (random[row, 1:] * room).astype(int)
                patch = photo[top : top + side, left : left + side].astype(int)
                digit = digits[split].images[indices[row], :, :, None]
                yield int(indices[row]), np.abs(patch - digit).astype(np.uint8)

    return paint
