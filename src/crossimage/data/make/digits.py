"""Data sets of digits, and of clothes in the files of digits.

Two together are for adapting a classifier: a labelled source and an unlabelled target. One alone is
for making images of noise. The originals of MNIST, Fashion-MNIST, USPS and SVHN are the user's.
MNIST-M is made here: every digit of MNIST is blended into a random patch of a photo (Ganin et al.,
Domain-Adversarial Training of Neural Networks, JMLR 2016).
"""

from __future__ import annotations

import gzip
import os
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
from rich.progress import track

from crossimage.data.images.files import probe, read_image, to_pil
from crossimage.data.sources.folders import SPLITS, Split, images_below
from crossimage.utils.files import new_folder

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.int64]

_HELD_OUT = 4  # one photo in so many gives its patches to the test digits


class Digits(NamedTuple):
    """Images (N, H, W) or (N, H, W, 3) and their classes (N,), 0 to 9."""

    images: Pixels
    labels: NDArray[Any]


Splits = Mapping[Split, Digits]
Painter = Callable[[Split, Numbers], Iterator[tuple[int, Pixels]]]
"""Makes the pictures of some digits of a split, in any order, each with its digit's number."""


def make_digits(
    source: str, target: str, out: Path, *, originals: Path, seed: int = 0, count: int | None = None
) -> None:
    """Write the digits of two data sets as A, the source, and B, the target.

    The folders are trainA/<class>, trainB, testA/<class> and testB/<class>: the classes of the
    target's training images are not written, so that nothing can look at them. The digits keep
    their sizes, and are named by their places in the originals.

    Args:
        source: ``mnist``, ``usps`` or ``svhn``.
        target: Another of these.
        out: The folder to make; complete or not there.
        originals: Folder that holds the original files somewhere.
        seed: Seed of the choice of ``count`` images.
        count: Training images of a domain; None: all.

    Raises:
        FileNotFoundError: The originals are not there.
        ValueError: They can't be read, ``out`` exists and is not empty, or ``count`` makes no
            sense.
    """
    digits = [find_digits(name, originals) for name in (source, target)]
    _write(out, digits, [_plain(found) for found in digits], seed, count)


def make_mnistm(
    source: str,
    out: Path,
    *,
    originals: Path,
    photos: Path,
    seed: int = 0,
    count: int | None = None,
) -> None:
    """Write MNIST and MNIST-M as A, the source, and B, in the folders of :func:`make_digits`.

    A picture of MNIST-M is |patch - digit|, for each colour of a random patch of the digit's size.
    A photo gives patches either to training digits or to test digits. Photos smaller than a digit
    are left out.

    Args:
        source: ``mnist`` or ``mnistm``; the other one is the target.
        out: The folder to make; complete or not there.
        originals: Folder that holds MNIST's original files somewhere.
        photos: Folder of photos.
        seed: Seed of the patches and of the choice of ``count`` images.
        count: Training images of a domain; None: all.

    Raises:
        FileNotFoundError: The originals or the photos are not there.
        ValueError: Files can't be read, ``out`` exists and is not empty, or ``count`` makes no
            sense.
    """
    mnist = find_digits("mnist", originals)
    painters = [_plain(mnist), _blended(mnist, photos, seed)]
    _write(out, [mnist, mnist], painters if source == "mnist" else painters[::-1], seed, count)


def make_images(
    name: str, out: Path, *, originals: Path, seed: int = 0, count: int | None = None
) -> None:
    """Write a data set's training images into the folder ``train``, without their classes.

    Args:
        name: What :func:`find_digits` takes.
        out: The folder to make; complete or not there.
        originals: Folder that holds the original files somewhere.
        seed: Seed of the choice of ``count`` images.
        count: How many images; None: all.

    Raises:
        FileNotFoundError: The originals are not there.
        ValueError: They can't be read, ``out`` exists and is not empty, or ``count`` makes no
            sense.
    """
    found = find_digits(name, originals)
    numbers = _choose(len(found["train"].labels), count, [seed])
    with new_folder(out) as made:
        _write_folder(made / "train", "train", numbers, _plain(found))


MAKERS: dict[str, Callable[..., None]] = {
    "mnist2usps": partial(make_digits, "mnist", "usps"),
    "usps2mnist": partial(make_digits, "usps", "mnist"),
    "svhn2mnist": partial(make_digits, "svhn", "mnist"),
    "mnist2mnistm": partial(make_mnistm, "mnist"),
    "mnistm2mnist": partial(make_mnistm, "mnistm"),
    "mnist": partial(make_images, "mnist"),
    "fashion": partial(make_images, "fashionmnist"),
}


def _write(
    out: Path, domains: Sequence[Splits], painters: Sequence[Painter], seed: int, count: int | None
) -> None:
    with new_folder(out) as made:
        for letter, digits, paint in zip("AB", domains, painters, strict=True):
            for split in SPLITS:
                folder, labels = made / f"{split}{letter}", digits[split].labels
                chosen = count if split == "train" else None
                numbers = _choose(len(labels), chosen, [seed, ord(letter)])
                known = None if folder.name == "trainB" else labels
                _write_folder(folder, split, numbers, paint, known)


def _choose(total: int, count: int | None, seed: Sequence[int]) -> Numbers:
    """The numbers of ``count`` random images, or of all of them."""
    if count is not None and count < 1:
        raise ValueError(f"expected count from 1 on, found {count}")
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])


def _write_folder(
    folder: Path,
    split: Split,
    numbers: Numbers,
    paint: Painter,
    labels: NDArray[Any] | None = None,
) -> None:
    """Write some images of a split, where there are labels into a folder for each class."""
    for label in [None] if labels is None else np.unique(labels[numbers]):
        (folder if label is None else folder / str(label)).mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    pictures = track(
        paint(split, numbers), f"writing {folder.name}", len(numbers),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    for number, pixels in pictures:
        below = folder if labels is None else folder / str(labels[number])
        Image.fromarray(pixels).save(below / f"{number:05d}.png")


def _plain(digits: Splits) -> Painter:
    """The digits as they are."""

    def paint(split: Split, numbers: Numbers) -> Iterator[tuple[int, Pixels]]:
        return ((int(number), digits[split].images[number]) for number in numbers)

    return paint


def _blended(digits: Splits, photos: Path, seed: int) -> Painter:
    """The digits of MNIST-M; what a digit becomes depends on its number and the seed."""
    side = digits["train"].images.shape[1]
    if not photos.is_dir():
        raise FileNotFoundError(f"there is no folder {photos}; expected one of photos")
    large = [p for p in images_below(photos) if min(probe(p).width, probe(p).height) >= side]
    if len(large) < 2:
        raise ValueError(
            f"{photos} holds {len(large)} photos of at least {side} x {side} pixels; expected 2 or "
            "more, some for the training and others for the test digits"
        )
    used = {
        "train": [path for place, path in enumerate(large) if place % _HELD_OUT],
        "test": large[::_HELD_OUT],
    }

    def paint(split: Split, numbers: Numbers) -> Iterator[tuple[int, Pixels]]:
        # Three random numbers a digit: its photo, and the place of the patch.
        rng = np.random.default_rng([seed, SPLITS.index(split)])
        random = rng.random((len(digits[split].labels), 3))[numbers]
        choice = (random[:, 0] * len(used[split])).astype(int)
        for which in np.unique(choice):  # a photo is read once
            photo = np.asarray(to_pil(read_image(used[split][which])))
            room = np.array(photo.shape[:2]) - side + 1
            for row in np.flatnonzero(choice == which):
                top, left = (random[row, 1:] * room).astype(int)
                patch = photo[top : top + side, left : left + side].astype(int)
                digit = digits[split].images[numbers[row], :, :, None]
                yield int(numbers[row]), np.abs(patch - digit).astype(np.uint8)

    return paint


def find_digits(name: str, folder: Path) -> Splits:
    """Read the original files of a data set, which lie together in one folder at any depth.

    Args:
        name: ``mnist``, ``fashionmnist``, ``usps`` or ``svhn``.
        folder: Where to look.

    Raises:
        FileNotFoundError: They are not there.
        ValueError: They lie in several folders, or can't be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; expected one that holds {name}")
    for files, read in _ORIGINALS[name]:
        paths = _find(name, folder, files)
        if paths is None:
            continue
        try:
            found = read(*paths)
        except (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{paths[0]} and what belongs to it can't be read as {name}: {error}"
            ) from None
        for digits in found:
            _check(digits, paths[0])
        return dict(zip(SPLITS, found, strict=True))
    wanted = ", or ".join(" and ".join(f[0] for f in files) for files, _ in _ORIGINALS[name])
    raise FileNotFoundError(f"{folder} holds no {name}; expected the files {wanted} in it or below")


def _find(name: str, folder: Path, files: Sequence[Sequence[str]]) -> list[Path] | None:
    """One path for each file, all in one folder; a file may have several names."""
    found = {}
    for root, folders, there in os.walk(folder):
        folders.sort()
        paths = [next((n for n in names if n in there), None) for names in files]
        if all(paths):
            found[Path(root)] = [Path(root, path) for path in paths if path]
    # Other data sets use MNIST's file names too.
    if len(found) > 1:
        own = [root for root in found if name in map(_plainly, root.relative_to(folder).parts)]
        if len(own) != 1:
            raise ValueError(
                f"{name} may be {' or '.join(map(str, found))}; keep the right one alone"
            )
        return found[own[0]]
    return next(iter(found.values()), None)


def _plainly(folder: str) -> str:
    """``Fashion-MNIST`` and ``fashion_mnist`` are one name."""
    return folder.lower().replace("-", "").replace("_", "")


def _check(digits: Digits, path: Path) -> None:
    images, labels = digits
    shape = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if not shape or images.dtype != np.uint8 or labels.shape != (len(images),) or not len(images):
        raise ValueError(
            f"{path} and what belongs to it hold {images.dtype} images {images.shape} and labels "
            f"{labels.shape}; expected 8-bit images (N, H, W) or (N, H, W, 3) and labels (N,)"
        )
    if labels.min() < 0 or labels.max() > 9:
        raise ValueError(
            f"{path} and what belongs to it have labels from {labels.min()} to {labels.max()}; "
            "expected 0 to 9"
        )


def _read_idx(path: Path) -> Pixels:
    """A file of bytes in any shape: two zeros, 8, the number of axes, the axes' lengths."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is no IDX file of bytes")
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def _read_mnist(*paths: Path) -> list[Digits]:
    train, train_labels, test, test_labels = map(_read_idx, paths)
    return [Digits(train, train_labels), Digits(test, test_labels)]


def _read_usps_arrays(path: Path) -> list[Digits]:
    with np.load(path) as file:
        return [Digits(file[f"{split}_images"], file[f"{split}_labels"]) for split in SPLITS]


def _read_usps_text(train: Path, test: Path) -> list[Digits]:
    from torchvision.datasets import USPS

    both = [USPS(train.parent, train=True), USPS(test.parent, train=False)]
    return [Digits(usps.data, np.array(usps.targets)) for usps in both]


def _read_usps_hdf(path: Path) -> list[Digits]:
    found = []
    with _package("h5py").File(path) as file:
        for split in SPLITS:
            images = np.round(np.asarray(file[split]["data"]) * 255).astype(np.uint8)
            found.append(Digits(images.reshape(-1, 16, 16), np.asarray(file[split]["target"])))
    return found


def _read_svhn(*paths: Path) -> list[Digits]:
    found = []
    for path in paths:
        file = _package("scipy.io").loadmat(path)
        # The images stand in the last axis, and the class of 0 is 10.
        found.append(Digits(file["X"].transpose(3, 0, 1, 2), file["y"].ravel() % 10))
    return found


def _package(name: str) -> Any:
    """A package that only these files need."""
    try:
        return import_module(name)
    except ImportError:
        package = name.split(".")[0]
        raise ValueError(f"{package} is not installed; pip install {package}") from None


def _idx(name: str, kind: str) -> tuple[str, ...]:
    """The names under which a file of MNIST goes about."""
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
