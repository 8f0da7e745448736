"""Data sets made from MNIST, Fashion-MNIST, USPS and SVHN, whose files the user provides.

Pairs of them serve domain adaptation, with a labelled source and an unlabelled target; single ones
serve the generation of images from noise. MNIST-M is made here: every digit of MNIST is blended
into a random patch of a photo (Ganin et al., Domain-Adversarial Training of Neural Networks, JMLR
2016).
"""

from __future__ import annotations

import gzip
import os
import shlex
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from crossimage.data.images.files import probe, read_image, to_pil
from crossimage.data.make.made import Made, training_command
from crossimage.data.sources.find import find_files
from crossimage.data.sources.folders import SPLITS, Split
from crossimage.utils.files import new_folder
from crossimage.utils.reading import FailedReadError, open_data, read_data, reads_noticed
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.pictures import save_png

Pixels = NDArray[np.uint8]
Indices = NDArray[np.int64]

CLOTHES = (
    "tshirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle_boot",
)  # fmt: skip
"""The classes of Fashion-MNIST by their numbers."""
_HELD_OUT = 4  # one photo in 4 provides the patches of the test digits


class Digits(NamedTuple):
    """Images (N, H, W) or (N, H, W, 3) and their classes (N,), 0 to 9."""

    images: Pixels
    labels: NDArray[Any]


_RECIPES = {
    "mnist2usps": "unit_da/mnist2usps_small",
    "usps2mnist": "unit_da/usps2mnist_small",
    "svhn2mnist": "unit_da/svhn2mnist",
    "mnist2mnistm": "unit_da/mnist2mnistm",
    "mnistm2mnist": "dtn/mnistm2mnist_small",
}

Splits = Mapping[Split, Digits]
Painter = Callable[[Split, Indices], Iterator[tuple[int, Pixels]]]
"""Yields the images of some digits of a split, in any order, each with the digit's index."""


def make_digits(
    source: str, target: str, out: Path, *, originals: Path, seed: int = 0, count: int | None = None
) -> Made:
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
    return Made(summary, _following(f"{source}2{target}", out))


def make_mnistm(
    source: str,
    out: Path,
    *,
    originals: Path,
    photos: Path,
    seed: int = 0,
    count: int | None = None,
) -> Made:
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
    return Made(summary, _following(name, out))


def make_images(
    name: str, out: Path, *, originals: Path, seed: int = 0, count: int | None = None
) -> Made:
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
    return Made(f"{len(indices)} images", training_command("gan/fashion", out))


def make_classes(out: Path, *, originals: Path, seed: int = 0, count: int | None = None) -> Made:
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
    return Made(", ".join(written), training_command("funit/fashion", out))


MAKERS: dict[str, Callable[..., Made]] = {
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
    return shlex.join(["crossimage", "data", "inspect", str(out)])


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


def find_digits(name: str, folder: Path) -> Splits:
    """Read the original files of a data set, which are together in one folder.

    Args:
        name: ``mnist``, ``fashionmnist``, ``usps`` or ``svhn``.
        folder: The folder to search, at any depth.

    Raises:
        FileNotFoundError: The files are missing.
        ValueError: Several folders hold such files, or they cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; expected one that holds {name}")
    for files, read in _ORIGINALS[name]:
        paths = _find(name, folder, files)
        if paths is None:
            continue
        try:
            with reads_noticed():
                splits = read(*paths)
        except FailedReadError:
            raise
        except (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{paths[0]} and related files can't be read as {name}: {error}"
            ) from None
        for digits in splits:
            _check(digits, paths[0])
        return dict(zip(SPLITS, splits, strict=True))
    wanted = ", or ".join(" and ".join(f[0] for f in files) for files, _ in _ORIGINALS[name])
    raise FileNotFoundError(f"{folder} holds no {name}; expected the files {wanted} in it or below")


def _find(name: str, folder: Path, files: Sequence[Sequence[str]]) -> list[Path] | None:
    """Return one path per file, all in the same folder; each file may have several names."""
    matches = {}
    for root, folders, present in os.walk(folder):
        folders.sort()
        paths = [next((n for n in names if n in present), None) for names in files]
        if all(paths):
            matches[Path(root)] = [Path(root, path) for path in paths if path]
    # other data sets use MNIST's file names, too
    if len(matches) > 1:
        own = [root for root in matches if name in map(_normalised, root.relative_to(folder).parts)]
        if len(own) != 1:
            raise ValueError(
                f"{name} may be {' or '.join(map(str, matches))}; keep only the right one"
            )
        return matches[own[0]]
    return next(iter(matches.values()), None)


def _normalised(folder: str) -> str:
    """Return a folder's name without case and separators: ``Fashion-MNIST`` is ``fashionmnist``."""
    return folder.lower().replace("-", "").replace("_", "")


def _check(digits: Digits, path: Path) -> None:
    images, labels = digits
    shape = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if not shape or images.dtype != np.uint8 or labels.shape != (len(images),) or not len(images):
        raise ValueError(
            f"{path} and related files hold {images.dtype} images {images.shape} and labels "
            f"{labels.shape}; expected 8-bit images (N, H, W) or (N, H, W, 3) and labels (N,)"
        )
    if labels.min() < 0 or labels.max() > 9:
        raise ValueError(
            f"{path} and related files have labels from {labels.min()} to {labels.max()}; "
            "expected 0 to 9"
        )


def _read_idx(path: Path) -> Pixels:
    """Read an IDX file of bytes: two zeros, 8, the number of axes, their lengths, the values."""
    data = gzip.decompress(read_data(path)) if path.suffix == ".gz" else read_data(path)
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an IDX file of bytes")
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def _read_mnist(*paths: Path) -> list[Digits]:
    train, train_labels, test, test_labels = map(_read_idx, paths)
    return [Digits(train, train_labels), Digits(test, test_labels)]


def _read_usps_arrays(path: Path) -> list[Digits]:
    with open_data(path) as data, np.load(data) as file:
        return [Digits(file[f"{split}_images"], file[f"{split}_labels"]) for split in SPLITS]


def _read_usps_text(train: Path, test: Path) -> list[Digits]:
    from torchvision.datasets import USPS

    both = [USPS(train.parent, train=True), USPS(test.parent, train=False)]
    return [Digits(usps.data, np.array(usps.targets)) for usps in both]


def _read_usps_hdf(path: Path) -> list[Digits]:
    splits = []
    with _package("h5py").File(path) as file:
        for split in SPLITS:
            images = np.round(np.asarray(file[split]["data"]) * 255).astype(np.uint8)
            splits.append(Digits(images.reshape(-1, 16, 16), np.asarray(file[split]["target"])))
    return splits


def _read_svhn(*paths: Path) -> list[Digits]:
    splits = []
    for path in paths:
        file = _package("scipy.io").loadmat(path)
        # images are along the last axis, and the class of 0 is 10
        splits.append(Digits(file["X"].transpose(3, 0, 1, 2), file["y"].ravel() % 10))
    return splits


def _package(name: str) -> Any:
    """Import a package that only these files need."""
    try:
        return import_module(name)
    except ImportError:
        package = name.split(".")[0]
        raise ValueError(f"{package} is not installed; pip install {package}") from None


def _idx(name: str, kind: str) -> tuple[str, ...]:
    """Return the names that a file of MNIST may have."""
    names = f"{name}-{kind}-ubyte", f"{name}.{kind}-ubyte"
    return tuple(n + suffix for n in names for suffix in ("", ".gz"))


_MNIST = [
    _idx(f"{split}-{what}", kind)
    for split in ("train", "t10k")
    for what, kind in (("images", "idx3"), ("labels", "idx1"))
]
_ORIGINALS: dict[str, list[tuple[Sequence[Sequence[str]], Callable[..., list[Digits]]]]] = {
    "mnist": [(_MNIST, _read_mnist)],
    "fashionmnist": [(_MNIST, _read_mnist)],
    "usps": [
        ([("usps_16x16_uint8.npz",)], _read_usps_arrays),
        ([("usps.bz2",), ("usps.t.bz2",)], _read_usps_text),
        ([("usps.h5",)], _read_usps_hdf),
    ],
    "svhn": [([("train_32x32.mat",), ("test_32x32.mat",)], _read_svhn)],
}
