"""The images that a table names: where they are, and which are beside them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.images.formats import EXPECTED, SUFFIXES
from crossimage.data.sources.find import NameIndex, visible_folders
from crossimage.data.sources.split_names import SplitName, split_folders
from crossimage.data.sources.tables.partition import Splits
from crossimage.utils.texts.shown import cut

_SPLITS: tuple[SplitName, ...] = ("train", "test", "val")
_FOLDERS = ("img_align_celeba", "img_align_celeba/img_align_celeba", "images",
            "Img/img_align_celeba")  # fmt: skip


def locate(
    file: Path, files: Sequence[tuple[int, str]], splits: Splits, rules: DataRules
) -> tuple[list[tuple[Path, str]], str]:
    """Return the images' paths and splits, and the source of the splits.

    Raises:
        FileNotFoundError: Images are missing; the message counts them.
        ValueError: A file is not an image, or images of different splits share its name.
    """
    # tables are long, and strings are several times as fast as paths here
    roots = [str(root) for root in roots_of(file)]
    below = _folders_of_splits(roots, rules)
    others = [os.path.join(root, name) for root in roots for name in _FOLDERS]
    others = [folder for folder in others if os.path.isdir(folder)]
    order = {
        split: [*roots, *sorted(below, key=lambda folder: below[folder] != split), *others]
        for split in ("", *_SPLITS)
    }
    located, missing, index, implied = [], [], NameIndex(), False
    for (line, name), split in zip(files, splits.of, strict=True):
        if not has_suffix(name):
            raise ValueError(
                f"{file}, line {line}: '{cut(name)}' is not an image; expected {EXPECTED}"
            )
        image = _first_file(order[split], name, index)
        if image is None and rules != 1 and "\\" in name:  # a Windows path
            image = _first_file(order[split], name.replace("\\", "/"), index)
        if image is None:
            missing.append((line, name))
            continue
        folder, spelling = image
        if not split and folder in below:
            implied = True
            if rules != 1:
                _check_only_one(file, line, name, below)
        located.append((Path(folder, spelling), split or below.get(folder, "")))
    if missing:
        (line, name), count = missing[0], len(missing)
        raise FileNotFoundError(
            f"{file}, line {line}: there is no image {cut(name)} beside the table or in its "
            f"folders {', '.join((*_SPLITS, *_FOLDERS))} ({count} of {len(files)} images missing)"
        )
    return located, splits.origin or ("folders of the images" if implied else "")


def _folders_of_splits(roots: Sequence[str], rules: DataRules) -> dict[str, SplitName]:
    """Return the split folders below some folders, each with its split."""
    split_by_folder: dict[str, SplitName] = {}
    for root in roots:
        folders = split_folders(visible_folders(Path(root), rules), rules)
        for wanted in _SPLITS:
            for name in folders.get((wanted, ""), []):
                split_by_folder[os.path.join(root, name)] = wanted
    return split_by_folder


def _check_only_one(file: Path, line: int, name: str, below: Mapping[str, str]) -> None:
    """Refuse a name shared by images of several splits."""
    holding = [folder for folder in below if os.path.isfile(os.path.join(folder, name))]
    if len(holding) > 1:
        names = " and ".join(os.path.basename(folder) for folder in holding)
        raise ValueError(
            f"{file}, line {line}: {cut(name)} is in {names}; write the folder before the name, or "
            "add a column split"
        )


def _first_file(
    folders: Sequence[str], name: str, index: NameIndex
) -> tuple[str, str | Path] | None:
    """Return the first folder that holds a file, and the spelling of the file's name there."""
    folder = next((f for f in folders if os.path.isfile(os.path.join(f, name))), None)
    if folder is not None:
        return folder, name
    if name.isascii():
        return None
    candidates = ((folder, index.find(Path(folder, name))) for folder in folders)
    return next(((folder, path) for folder, path in candidates if path), None)


def count_unlisted(listed: Iterable[Path]) -> int:
    """Count the unlisted images in the folders of a table's images."""
    by_folder: dict[Path, set[str]] = defaultdict(set)
    for path in listed:
        by_folder[path.parent].add(path.name)
    return sum(
        has_suffix(name) and not name.startswith(".") and name not in names
        for folder, names in by_folder.items()
        for name in os.listdir(folder)
    )


def roots_of(file: Path) -> list[Path]:
    """Return the folders that paths may be relative to: the table's, and the parent of Anno."""
    return [file.parent, *([file.parent.parent] if file.parent.name == "Anno" else [])]


def has_suffix(name: str) -> bool:
    """Return whether a name ends like that of an image."""
    return os.path.splitext(name)[1].lower() in SUFFIXES
