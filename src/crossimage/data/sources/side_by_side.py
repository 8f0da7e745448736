"""Pairs of images side by side in one file, recognised by the sizes of all files."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from torch import Tensor

from crossimage.config import DataRules
from crossimage.data.images.files import probe
from crossimage.data.images.pixels import BombError, ImageError, ImageInfo
from crossimage.data.sources.split_names import split_of
from crossimage.utils.texts.setting_text import names_text

_PHOTOS = {"3:2": 3 / 2, "16:10": 16 / 10, "5:3": 5 / 3, "16:9": 16 / 9, "1.85:1": 1.85,
           "21:9": 21 / 9, "64:27": 64 / 27, "2.39:1": 2.39}  # fmt: skip
"""Aspect ratios of photos and videos that are not pairs."""

_EQUAL = 0.01  # relative difference up to which ratios are the same
_EXCEPTION = 0.1  # relative difference from the usual ratio that marks an exception
_NAMED = 3
_TWO_SQUARES = 2.0


def check_side_by_side(
    train: Sequence[Path], test: Sequence[Path], paired: bool, layouts: str, rules: DataRules
) -> float:
    """Check, from the headers of all files, that they are side-by-side pairs.

    Files with broken headers are skipped here; training counts and names them.

    Args:
        train: Training images.
        test: Test images.
        paired: Whether the method learns from pairs. If not, files must be exactly twice as wide
            as high.
        layouts: The layouts to advise, for error messages.
        rules: The rules by which files are found; 1: only the first three files are read.

    Returns:
        Their usual ratio of width to height.

    Raises:
        ValueError: The files are not pairs, or some differ in shape from the others.
    """
    sizes = _sizes(train[:3] if rules == 1 else [*train, *test])
    if not sizes:
        return _TWO_SQUARES
    usual = median(info.width / info.height for _, info in sizes)
    if rules == 1:
        for path, info in sizes:
            _check_pair(path, info, layouts)
        return usual
    exceptions = [
        f"{path} is {info.width} x {info.height}"
        for path, info in sizes
        if abs(info.width / info.height - usual) > _EXCEPTION * usual
    ]
    path, info = min(sizes, key=lambda size: abs(size[1].width / size[1].height - usual))
    if exceptions:
        named = ", ".join(exceptions[:_NAMED])
        more = f" and {len(exceptions) - _NAMED} more" if len(exceptions) > _NAMED else ""
        raise ValueError(
            f"{len(exceptions)} of {len(sizes)} files in {_folders(train, test)} do not have the "
            f"shape of the others ({info.width} x {info.height}): {named}{more}; expected "
            "side-by-side pairs of one shape, so remove the files that are not pairs, or move them "
            "to another folder"
        )
    _check_pair(path, info, layouts)
    photo = _photo(usual)
    if photo or (not paired and abs(usual - _TWO_SQUARES) > _EQUAL * _TWO_SQUARES):
        shape = (
            f", the shape of a photo ({photo})"
            if photo
            else ", not twice as wide as high, as methods without pairs require"
        )
        raise ValueError(
            f"{path} is {info.width} x {info.height}{shape}, so it is not treated as a "
            f"side-by-side pair; {layouts}; if it is one, save its halves in trainA and trainB"
        )
    return usual


def has_shape_of(width: int, height: int, aspect: float) -> bool:
    """Return whether an image has the shape of side-by-side pairs, as far as pairs may differ.

    Args:
        width: Its width.
        height: Its height.
        aspect: The usual ratio of the pairs' width to their height.
    """
    ratio = width / height
    return abs(ratio - aspect) <= _EXCEPTION * aspect and _photo(ratio) is None


def half_of(image: Tensor, half: int) -> Tensor:
    """Return the left (0) or the right half (1) of an image (..., H, W) of even width."""
    return image.chunk(2, dim=-1)[half]


def check_not_side_by_side(folders: Sequence[Path], images: Iterable[Path]) -> None:
    """Refuse sub-folders of the training folder whose images may be side-by-side pairs.

    Args:
        folders: The folders of the domains of a paired method, which the user did not name.
        images: Their training images.

    Raises:
        ValueError: The images are in sub-folders, and all are exactly twice as wide as high.
    """
    parent = folders[0].parent
    if any(f.parent != parent for f in folders) or split_of(parent.name) != "train":
        return
    sizes = (size for path in images for size in _sizes([path]))
    if all(info.width == 2 * info.height for _, info in sizes):
        names = ",".join(folder.name for folder in folders)
        choice = shlex.quote(f"domains={names_text([folder.name for folder in folders])}")
        raise ValueError(
            f"all images in the folders {names} of {parent} are twice as wide as high; if they are "
            f"side-by-side pairs, move them directly into {parent}, and if these are two domains, "
            f"set {choice}"
        )


def _sizes(paths: Sequence[Path]) -> list[tuple[Path, ImageInfo]]:
    sizes = []
    for path in paths:
        try:
            sizes.append((path, probe(path)))
        except (ImageError, BombError, FileNotFoundError):
            continue
    return sizes


def _photo(ratio: float) -> str | None:
    """Return the name of the ratio of a photo or video; None if it is another one."""
    return next((name for name, r in _PHOTOS.items() if abs(ratio - r) <= _EQUAL * r), None)


def _check_pair(path: Path, info: ImageInfo, layouts: str) -> None:
    if 2 * info.width < 3 * info.height or info.width % 2:
        raise ValueError(
            f"{path} is {info.width} x {info.height}, not a side-by-side pair, whose width is "
            f"even and clearly larger than its height; {layouts}"
        )


def _folders(train: Sequence[Path], test: Sequence[Path]) -> str:
    folders = dict.fromkeys(str(paths[0].parent) for paths in (train, test) if paths)
    return " and ".join(folders)
