"""Tables of attributes in files: finding them in folders, and reading them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.sources.split_names import SplitName
from crossimage.data.sources.tables.attributes import AttributeRow, AttributeTable
from crossimage.data.sources.tables.locate import count_unlisted, has_suffix, locate, roots_of
from crossimage.data.sources.tables.partition import (
    is_list,
    listed_splits,
    read_splits,
    split_column,
    splits_by_folder,
    splits_of_table,
)
from crossimage.data.sources.tables.text import WHITESPACE, Line, TableText, read_text
from crossimage.utils.paths import RealPaths
from crossimage.utils.reading import open_data
from crossimage.utils.reading import read_text as read_encoded
from crossimage.utils.texts.shown import LONGEST, cut

CELEBA = "list_attr_celeba.txt"
_FILE_COLUMNS = ("file", "filename", "image", "image_id", "path", "name")


def tables_in(folder: Path, rules: DataRules = 3) -> list[Path]:
    """Return the tables in a folder and its subfolder ``Anno``."""
    folders = [folder, folder / "Anno"]
    if rules == 1:
        tables = [path for parent in folders for path in sorted(parent.glob("*.csv"))]
    else:
        tables = [
            path
            for parent in folders
            for path in sorted(parent.glob("*.[CcTt][Ss][Vv]"))
            if path.is_file() and not path.name.startswith(".")
        ]
        tables = [path for path in tables if not is_list(path)]
    return tables + [parent / CELEBA for parent in folders if (parent / CELEBA).is_file()]


def find_table(folder: Path, rules: DataRules = 3) -> Path | None:
    """Return the table in a folder or its subfolder ``Anno``; None if there is none.

    Raises:
        ValueError: There are several.
    """
    tables = tables_in(folder, rules)
    if len(tables) > 1:
        names = " and ".join(path.relative_to(folder).as_posix() for path in tables[:2])
        raise ValueError(f"{folder} holds several tables, {names}; give the path of the one to use")
    return tables[0] if tables else None


def read_split_tables(tables: Mapping[SplitName, Path]) -> AttributeTable:
    """Read tables such as ``train.csv`` and ``test.csv``; the latter becomes ``tests``.

    Args:
        tables: The tables by split; ``val`` is used only if there is no ``test``.

    Raises:
        FileNotFoundError: Images are missing.
        ValueError: A file is not such a table, or assigns its images to another split.
    """
    train = read_table(tables["train"], split="train")
    tested: SplitName = "test" if "test" in tables else "val"
    if tested not in tables:
        return train
    return replace(train, tests=read_table(tables[tested], split=tested))


def read_table(file: Path, rules: DataRules = 3, split: SplitName | None = None) -> AttributeTable:
    """Read a table: text with a header line and a line per image, or in the format of CelebA.

    Cells are separated by commas, semicolons, tabs or bars; see
    :func:`~crossimage.data.sources.tables.text.read_text` for encodings. Images are named
    by the column that holds image names; if there are several, by ``file``, ``filename``,
    ``image``, ``image_id``, ``path`` or ``name``. In CelebA's format, cells are separated by
    spaces, and a header line with the names of the labels is followed by lines of an image and its
    values. The splits come from a column, see
    :func:`~crossimage.data.sources.tables.partition.split_column`; from
    ``list_eval_partition.txt`` or ``.csv`` next to the table; or from the folders in the names of
    the images. By default, an image in a folder ``train``, ``test`` or ``val`` belongs to that
    split.

    Args:
        file: The table.
        rules: The rules by which tables are read; 1: only UTF-8, CSV only with commas, and the
            image in the column with one of these names, or else in the first.
        split: The split of all its images; None: read from the table.

    Raises:
        FileNotFoundError: Images are missing.
        ValueError: The file is not such a table, a line has a wrong number of columns, or two lines
            name the same image.
    """
    described = ""
    try:
        if rules == 1:
            lines = list(_csv(file) if file.suffix.lower() == ".csv" else _celeba(file))
        else:
            text = read_text(file)
            described = text.description
            spaced = text.separator == WHITESPACE
            lines = list(_with_names(file, text.lines()) if spaced else text.lines())
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{file} is not a table; expected a CSV file or {CELEBA}") from None
    if len(lines) < 2:
        raise ValueError(
            f"{file} names no images; expected a header line, then one line per image, and nothing "
            "else above or between them"
        )
    header, *entries = lines
    names, unnamed = _column_names(file, header, rules)
    for line, cells in entries:
        if len(cells) != len(names):
            raise ValueError(
                f"{file}, line {line} has {len(cells)} columns; expected {len(names)}: "
                f"{', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
            )
    folded = [name.casefold() for name in names]
    split_at = split_column(file, names, rules)
    file_at = _file_column(file, folded, entries, split_at, rules)
    columns = [i for i in range(len(names)) if i not in (file_at, split_at)]
    files = [(line, cells[file_at].strip()) for line, cells in entries]
    if split_at is not None:
        parts = ((line, cells[split_at]) for line, cells in entries)
        splits = read_splits(file, names[split_at], parts, rules)
    else:
        splits = listed_splits(file, roots_of(file), files, rules)
        if not splits.origin and rules != 1:
            splits = splits_by_folder(name for _, name in files)
    if split is not None:
        splits = splits_of_table(file, splits, (line for line, _ in files), split)
    located, splits_from = locate(file, files, splits, rules)
    rows = [
        AttributeRow(path, line, split, tuple(cells[i] for i in columns))
        for (path, split), (line, cells) in zip(located, entries, strict=True)
    ]
    rows.sort(key=lambda row: row.path)
    _refuse_repeated(file, rows)
    unlisted = count_unlisted(row.path for row in rows) if rows and rules != 1 else 0
    return AttributeTable(
        file, tuple(names[i] for i in columns), tuple(rows), unnamed, described, unlisted,
        splits_from, every_tenth=rules != 3,
    )  # fmt: skip


def _column_names(file: Path, header: Line, rules: DataRules) -> tuple[list[str], frozenset[str]]:
    """Return the names of all columns, and which of them are placeholders.

    Raises:
        ValueError: The line is not a header, two columns share a name, or one is too long.
    """
    line, cells = header
    names = [cell.strip() for cell in cells]
    placeholders: dict[int, str] = {}
    if rules != 1:
        _check_header(file, line, names)
        placeholders = {i: f"column {i + 1}" for i, name in enumerate(names) if not name}
        names = [placeholders.get(i, name) for i, name in enumerate(names)]
    for name, count in Counter(names).items():
        if len(name) > LONGEST:
            raise ValueError(
                f"{file} has a column name of {len(name):,} characters, '{cut(name, 40)}'; "
                f"expected at most {LONGEST}"
            )
        if count > 1:
            raise ValueError(f"{file} has two columns '{name}'; give each its own name")
    return names, frozenset(placeholders.values())


def _refuse_repeated(file: Path, rows: Sequence[AttributeRow]) -> None:
    """Refuse two rows of the same image, whatever links lead to it."""
    known: dict[str, AttributeRow] = {}
    real = RealPaths()
    for other in rows:
        one = known.setdefault(real.of(other.path), other)
        if one is not other:
            first, second = sorted((one.line, other.line))
            values = "the same" if one.cells == other.cells else "different"
            raise ValueError(
                f"{file}, line {second}: {one.path} is already in line {first}, with {values} "
                "values; remove one of the lines"
            )


def _check_header(file: Path, line: int, names: Sequence[str]) -> None:
    """Refuse a first line that describes an image."""
    image = next((name for name in names if has_suffix(name)), None)
    if image is not None:
        labels = ",".join(f"label{number}" for number in range(1, min(len(names), 4)))
        raise ValueError(
            f"{file} has no header line: line {line} already describes the image {cut(image)}; "
            f"write the names of the columns above it, such as file,{labels}"
        )


def _file_column(
    file: Path,
    names: Sequence[str],
    entries: Sequence[Line],
    split_at: int | None,
    rules: DataRules,
) -> int:
    """Return the index of the column that names the images."""
    known = [names.index(name) for name in _FILE_COLUMNS if name in names]
    by_name = known[0] if known else next((i for i in range(len(names)) if i != split_at), 0)
    if rules == 1:
        return by_name
    _, first = entries[0]
    images = [i for i, cell in enumerate(first) if has_suffix(cell.strip())]
    for index in [*known, *(images if len(images) == 1 else ())]:
        if index in images:
            return index
    if len(images) > 1:
        listed = " and ".join(names[i] for i in images[:2])
        raise ValueError(
            f"{file} names images in several columns, {listed}; call the one to use 'file'"
        )
    return by_name


def _csv(file: Path) -> Iterator[Line]:
    with TextIOWrapper(open_data(file), "utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells


def _celeba(file: Path) -> Iterator[Line]:
    return _with_names(file, TableText(read_encoded(file, "utf-8-sig"), "", WHITESPACE).lines())


def _with_names(file: Path, lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines from the header on: the line above the first image, below the count."""
    header: Line | None = None
    started = False
    for number, cells in lines:
        if not started and has_suffix(cells[0]):
            if header is None:
                raise ValueError(f"{file} has no header line before its first image")
            started = True
            complete = len(header[1]) == len(cells)  # names the column of images, too
            yield header[0], header[1] if complete else ["file", *header[1]]
        if started:
            yield number, cells
        header = number, cells
