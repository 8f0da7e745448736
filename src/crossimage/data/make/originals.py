"""The original files of MNIST, Fashion-MNIST, USPS and SVHN, in all forms that are in use.

They come from elsewhere, so that nothing is read before it is known to be of a bounded size.
"""

from __future__ import annotations

import bz2
import gzip
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossimage.data.make.foreign_arrays import MissingPackageError, read_foreign_arrays
from crossimage.data.sources.folders import SPLITS, Split
from crossimage.utils.paths import check_not_special
from crossimage.utils.reading import FailedReadError, open_data, reads_noticed
from crossimage.utils.tensor_files.npz_files import read_arrays

Pixels = NDArray[np.uint8]

_LARGEST = 2**28
"""Bytes that the images of a split may have; SVHN's training images have 225 million."""
_MOST_USPS = 20_000
"""Images that a split of USPS may have as text or in HDF5; the training images are 7,291."""
_LARGEST_HDF = 2**26
"""Bytes that USPS as HDF5 may have; it has 10 million."""
_LINE = 2**14
"""Characters that a line of USPS as text may have."""


class Digits(NamedTuple):
    """Images (N, H, W) or (N, H, W, 3) and their classes (N,), 0 to 9."""

    images: Pixels
    labels: NDArray[Any]


Splits = Mapping[Split, Digits]


def find_digits(name: str, folder: Path) -> Splits:
    """Read the original files of a data set, which are together in one folder.

    Args:
        name: ``mnist``, ``fashionmnist``, ``usps`` or ``svhn``.
        folder: The folder to search, at any depth.

    Raises:
        FileNotFoundError: The files are missing.
        FailedReadError: The system can't read one.
        ValueError: Several folders hold such files, or they hold something else.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; expected one that holds {name}")
    for files, read in _ORIGINALS[name]:
        paths = _find(name, folder, files)
        if paths is None:
            continue
        for path in paths:
            check_not_special(path)
        try:
            with reads_noticed():
                splits = read(*paths)
        except (FailedReadError, MissingPackageError):
            raise
        except Exception as error:  # of readers in other packages, which raise all kinds
            if isinstance(error, ValueError) and any(str(path) in str(error) for path in paths):
                raise
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
    if not shape or images.dtype != np.uint8 or labels.shape != (len(images),) or not images.size:
        raise ValueError(
            f"{path} and related files hold {images.dtype} images {images.shape} and labels "
            f"{labels.shape}; expected 8-bit images (N, H, W) or (N, H, W, 3) and labels (N,)"
        )
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 9:
        raise ValueError(
            f"{path} and related files have {labels.dtype} labels from {labels.min()} to "
            f"{labels.max()}; expected whole numbers, 0 to 9"
        )


def _check_size(path: Path, what: str, shape: Sequence[int], itemsize: int) -> None:
    """Refuse an array before it is read.

    Raises:
        ValueError: It is too large.
    """
    size = math.prod(shape) * itemsize
    if not 0 <= size <= _LARGEST:
        raise ValueError(f"{path} states {size:,} bytes of {what}; expected at most {_LARGEST:,}")


def _read_idx(path: Path) -> Pixels:
    """Read an IDX file of bytes: two zeros, 8, the number of axes, their lengths, the values."""
    with open_data(path) as raw:
        file = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        head = file.read(4)
        if len(head) < 4 or head[:3] != b"\0\0\x08" or head[3] > 4:
            raise ValueError(f"{path} is not an IDX file of bytes")
        axes = file.read(4 * head[3])
        shape = np.frombuffer(axes, ">i4").tolist() if len(axes) == 4 * head[3] else []
        if min(shape, default=0) > 0:
            _check_size(path, "values", shape, 1)
        expected = math.prod(shape) if min(shape, default=0) > 0 else 0
        data = file.read(expected + 1)
    if not expected or len(data) != expected:
        held = f"{len(data):,}" if len(data) <= expected else "more"
        raise ValueError(f"{path} states {tuple(shape)} bytes, and holds {held}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read_mnist(*paths: Path) -> list[Digits]:
    train, train_labels, test, test_labels = map(_read_idx, paths)
    return [Digits(train, train_labels), Digits(test, test_labels)]


def _read_usps_arrays(path: Path) -> list[Digits]:
    names = [f"{split}_{kind}" for split in SPLITS for kind in ("images", "labels")]
    arrays = read_arrays(
        path, names, largest=_LARGEST, expected="expected USPS in arrays such as train_images"
    )
    return [Digits(arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in SPLITS]


def _read_usps_text(*paths: Path) -> list[Digits]:
    return [_read_lines(path) for path in paths]


def _read_lines(path: Path) -> Digits:
    """Read lines of a class, 1 to 10, and 256 values from -1 to 1, each after its number."""
    images, labels = [], []
    with open_data(path) as raw, bz2.BZ2File(raw) as file:
        while line := file.readline(_LINE):
            label, *values = line.split()
            if len(values) != 256:
                raise ValueError(f"{path} has a line of {len(values)} values; expected 256")
            pixels = np.array([value.rpartition(b":")[2] for value in values], np.float32)
            images.append(((pixels + 1) / 2 * 255).clip(0, 255).astype(np.uint8))
            labels.append(int(label) - 1)
            _check_count(path, len(images))
    return Digits(np.array(images, np.uint8).reshape(-1, 16, 16), np.array(labels, np.int64))


def _read_usps_hdf(path: Path) -> list[Digits]:
    names = [f"{split}/{name}" for split in SPLITS for name in ("data", "target")]
    arrays = read_foreign_arrays(path, dict.fromkeys(names, _LARGEST_HDF))
    splits = []
    for data, target in zip(arrays[::2], arrays[1::2], strict=True):
        _check_count(path, len(data) if data.ndim else 0)
        if not np.isfinite(data).all():
            raise ValueError(f"{path} holds NaN or infinite values; download it again")
        images = np.round(data.clip(0, 1) * 255).astype(np.uint8)
        splits.append(Digits(images.reshape(-1, 16, 16), target))
    return splits


def _check_count(path: Path, count: int) -> None:
    if count > _MOST_USPS:
        raise ValueError(f"{path} has more images than USPS; expected at most {_MOST_USPS:,}")


def _read_svhn(*paths: Path) -> list[Digits]:
    return [_read_matlab(path) for path in paths]


def _read_matlab(path: Path) -> Digits:
    images, labels = read_foreign_arrays(path, {"X": _LARGEST, "y": _LARGEST})
    if images.ndim != 4 or labels.dtype.kind not in "iu":
        raise ValueError(f"{path} holds X {images.shape} and y of {labels.dtype}, expected SVHN")
    # images are along the last axis, and the class of 0 is 10
    return Digits(images.transpose(3, 0, 1, 2), labels.ravel() % 10)


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
