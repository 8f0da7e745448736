"""Splits of tables: by a column, by a list, by folders, or by separate tables."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from crossimage.config import DataRules
from crossimage.data.sources.find import same_name
from crossimage.data.sources.split_names import SplitName, split_in, split_of
from crossimage.data.sources.tables.text import read_text
from crossimage.utils.texts.shown import cut

_COLUMNS = ("split", "partition", "set", "subset")
_LIST = "list_eval_partition"
_CODES: dict[str, SplitName] = {"0": "train", "1": "val", "2": "test"}
_OTHER_LISTS = ("list_bbox_", "list_landmarks_", "identity_celeba", _LIST)
_EXPECTED = "train, val or test, or 0, 1 or 2 for these"


class Splits(NamedTuple):
    """The split of every image of a table.

    Attributes:
        of: ``train``, ``val`` or ``test``; empty if unknown.
        origin: Source of the splits, as shown to users; empty if there is none.
    """

    of: list[str]
    origin: str = ""


def split_column(file: Path, names: Sequence[str], rules: DataRules) -> int | None:
    """Return the index of a table's split column; None if there is none.

    Args:
        file: The table.
        names: Names of its columns.
        rules: The rules by which tables are read; 1: only ``split``.

    Raises:
        ValueError: There are several.
    """
    known = [
        index
        for index, name in enumerate(names)
        if name.casefold() in (_COLUMNS if rules != 1 else ("split",))
    ]
    if len(known) > 1:
        several = " and ".join(f"'{names[index]}'" for index in known)
        raise ValueError(
            f"{file} has several columns that may hold the splits, {several}; rename all but one"
        )
    return known[0] if known else None


def read_splits(
    file: Path, column: str, cells: Iterable[tuple[int, str]], rules: DataRules
) -> Splits:
    """Read the splits from a column.

    Args:
        file: The table.
        column: Name of the column.
        cells: Its line numbers and cells.
        rules: The rules by which tables are read; 1: only ``train``, ``val`` and ``test``.

    Raises:
        ValueError: A cell does not name a split.
    """
    splits = []
    for line, cell in cells:
        word = cell.strip().casefold()
        if rules == 1:
            split = word if word in _CODES.values() else None
        else:
            split = split_of(word) or _CODES.get(word.removesuffix(".0"))
        if split is None:
            rename = (
                "" if column.casefold() == "split" else "; rename it if it does not hold splits"
            )
            expected = _EXPECTED if rules != 1 else "train, test, val"
            raise ValueError(
                f"{file}, line {line}: {column} is '{cut(cell)}'; expected {expected}{rename}"
            )
        splits.append(split)
    return Splits(splits, f"column {column} of {file.name}")


def listed_splits(
    file: Path,
    roots: Sequence[Path],
    files: Sequence[tuple[int, str]],
    rules: DataRules,
) -> Splits:
    """Read the splits from CelebA's list next to a table, as text or CSV.

    Args:
        file: The table.
        roots: The folders where the list, or the folder Eval with it, may be.
        files: Line number and name of every image.
        rules: The rules by which tables are read; 1: only text.

    Raises:
        ValueError: The list does not give the split of every image.
    """
    suffixes = (".txt", ".csv") if rules != 1 else (".txt",)
    names = [f"{folder}{_LIST}{suffix}" for suffix in suffixes for folder in ("", "Eval/")]
    beside = (root / name for root in roots for name in names)
    partition = next((path for path in beside if path.is_file()), None)
    if partition is None:
        return Splits([""] * len(files))
    parts = {same_name(cells[0]): cells[1] for cells in _lines(partition) if len(cells) > 1}
    files = [(line, same_name(name)) for line, name in files]
    for line, name in files:
        if parts.get(name, "") not in _CODES:
            raise ValueError(
                f"{partition} says '{cut(parts.get(name, 'nothing'))}' for {cut(name)} ({file}, "
                f"line {line}); expected 0, 1 or 2, for training, validation or test"
            )
    return Splits([_CODES[parts[name]] for _, name in files], partition.name)


def splits_by_folder(names: Iterable[str]) -> Splits:
    """Read the splits from the folders in the names of images, such as ``test/1.png``.

    Of absolute names, only the part below the common folder counts.
    """
    parts = [PurePosixPath(name.replace("\\", "/")).parts[:-1] for name in names]
    if parts and all(part[:1] == ("/",) for part in parts):
        shared = len(os.path.commonprefix(parts))
        parts = [part[shared:] for part in parts]
    known = {part: next(filter(None, map(split_of, part)), "") for part in set(parts)}
    splits = [known[part] for part in parts]
    return Splits(splits, "folders of the images" if any(splits) else "")


def splits_of_table(file: Path, splits: Splits, lines: Iterable[int], split: SplitName) -> Splits:
    """Return the splits of a table whose images are all of one split.

    Raises:
        ValueError: Another source assigns an image to a different split.
    """
    for line, known in zip(lines, splits.of, strict=True):
        if known not in ("", split):
            raise ValueError(
                f"{file}, line {line}: the split is {known} by {splits.origin or 'the table'}, but "
                f"{split} by the name of the table; give the path of the table to use"
            )
    return Splits([split] * len(splits.of), file.name)


def is_list(file: Path) -> bool:
    """Return whether a file is one of CelebA's lists without attributes."""
    return file.name.casefold().startswith(_OTHER_LISTS)


def tables_of_splits(tables: Sequence[Path]) -> dict[SplitName, Path] | None:
    """Return tables such as ``train.csv`` and ``test.csv`` by split; None for any others."""
    by_split = {split_of(file.stem) or split_in(file.stem): file for file in tables}
    if None in by_split or len(by_split) < len(tables) or "train" not in by_split:
        return None
    return {split: file for split, file in by_split.items() if split is not None}


def _lines(partition: Path) -> Iterator[list[str]]:
    try:
        for _, cells in read_text(partition).lines():
            yield [cell.strip() for cell in cells]
    except csv.Error as error:
        raise ValueError(f"{partition} is not a table ({error}); expected CSV") from None
