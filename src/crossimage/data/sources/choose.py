"""Choice of the training and test images of a folder without a fixed layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crossimage.data.left_out import LOW_RESOLUTION, OTHER_SPLIT, OUTSIDE, LeftOut
from crossimage.data.sources.split_names import SplitName, split_in, split_of

_LOW = re.compile(r"lr(bic|bicubic|unknown|mild|difficult|wild)?(x?\d+)?")
_HIGH = frozenset({"hr", "gt", "original"})
_SCALE = re.compile(r"x\d+")


class ChosenImages(NamedTuple):
    """The images of a folder.

    Attributes:
        train: Training images.
        test: Test images.
        train_from: The folders of the training images; empty if they are anywhere.
        test_from: The folders of the test images.
        left_out: The folders whose images are not used.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...] = ()
    train_from: str = ""
    test_from: str = ""
    left_out: tuple[LeftOut, ...] = ()


def choose(images: Sequence[Path], root: Path) -> ChosenImages:
    """Choose the training and the test images of a folder without the folder ``train``.

    Folders whose names mean a split (``test``, ``val``) hold its images, and all others are for
    training. The same applies to folders whose names contain such words, such as
    ``DIV2K_train_HR``, if they distinguish at least two splits. If an image exists at several
    scales, the largest is used.

    Args:
        images: The images below the folder.
        root: The folder.

    Raises:
        ValueError: The names are ambiguous.
    """
    folders = _folders(images, root)
    exact = {name for folder in folders for name in folder.split("/") if split_of(name)}
    named = {name for folder in folders for name in folder.split("/") if split_in(name)}
    splits = {split_in(name) for name in named}
    if len(splits) == 1 and not exact and splits != {"train"}:
        name = min(named)
        raise ValueError(
            f"{root} holds {name} but no folder of training images; if {name} holds test images, "
            f"rename it to {splits.pop()}; otherwise give it another name, or name the training "
            "images in a list file"
        )
    marking = named if len(splits) > 1 else exact
    marked = _first_parts(images, root, lambda folder: Path(folder).name in marking)
    by_split: dict[SplitName | None, list[Path]] = {}
    places: dict[SplitName | None, set[str]] = {}
    for path, place in zip(images, marked, strict=True):
        split = split_in(Path(place).name) if place else None
        by_split.setdefault(split, []).append(path)
        places.setdefault(split, set()).add(place or "")
    trained: SplitName | None = "train" if "train" in by_split else None
    if trained not in by_split:
        held = ", ".join(sorted(place for group in places.values() for place in group))
        raise ValueError(
            f"{root} holds only images for tests ({held}); to train on them, give the path of "
            "their folder; otherwise add a folder train"
        )
    tested: SplitName = "test" if "test" in by_split else "val"
    train, low = largest(by_split[trained], root)
    test, others = largest(by_split.get(tested, []), root)
    left_out = low + others
    for split in (trained, tested):
        places[split] = places.get(split, set()) - {entry.name for entry in left_out}
        _check_one({Path(place).name for place in places[split]}, root)
    for split, group in places.items():
        if split is None and trained is not None:
            paths = by_split[None]
            left_out += tuple(LeftOut(OUTSIDE, path.parent.name, str(path)) for path in paths)
        elif split not in (trained, tested):
            left_out += _left_out(OTHER_SPLIT, sorted(group), root)
    train_from, test_from = (", ".join(sorted(places[split])) for split in (trained, tested))
    return ChosenImages(train, test, train_from, test_from, left_out)


def largest(images: Sequence[Path], root: Path) -> tuple[tuple[Path, ...], tuple[LeftOut, ...]]:
    """Leave out folders of low-resolution copies, recognised by their names.

    Returns:
        The other images, and the folders left out.

    Raises:
        ValueError: There are several such folders and no others.
    """
    low = _first_parts(images, root, lambda folder: _is_low(Path(folder).name))
    folders = sorted({folder for folder in low if folder is not None})
    kept = tuple(path for path, folder in zip(images, low, strict=True) if folder is None)
    if not kept and folders or _is_low(root.name):
        kept = tuple(images)
        scales = _first_parts(images, root, lambda folder: bool(_scale(Path(folder).name)))
        several = sorted({scale for scale in scales if scale} or {*folders})
        if len(several) > 1:
            raise ValueError(
                f"{root} holds images at several scales ({', '.join(several)}) and none at full "
                "resolution; give the path of the folder to use"
            )
        folders = []
    return kept, _left_out(LOW_RESOLUTION, folders, root)


def _left_out(reason: tuple[str, str], folders: Iterable[str], root: Path) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(reason, folder, str(root / folder)) for folder in folders)


def _is_low(name: str) -> bool:
    words = re.split(r"[\W_]+", name.casefold())
    return any(_LOW.fullmatch(word) for word in words) and not _HIGH & {*words}


def _scale(name: str) -> bool:
    return bool(_SCALE.fullmatch(name.casefold()))


def _check_one(names: Iterable[str], root: Path) -> None:
    """Refuse several folder names for the same split."""
    names = sorted(set(names))
    if len(names) > 1:
        raise ValueError(
            f"{root} holds several folders of one split, {' and '.join(names)}; give the path of "
            "the one to use, or remove the others"
        )


def _folders(images: Iterable[Path], root: Path) -> list[str]:
    """Return the folders that hold images, relative to the root."""
    start = len(str(root)) + 1
    return sorted({str(path.parent)[start:].replace("\\", "/") for path in images} - {""})


def _first_parts(
    images: Sequence[Path], root: Path, wanted: Callable[[str], bool]
) -> list[str | None]:
    """Return, for every image, the outermost wanted folder below the root, or None."""
    wanted = cache(wanted)

    @cache
    def first(folder: str) -> str | None:
        parts = Path(folder).parts
        tops = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
        return next((top for top in tops if wanted(top)), None)

    return [first(path.parent.relative_to(root).as_posix()) for path in images]
