"""Tables of attributes: which attributes each image has, and which images are for testing."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.images.formats import EXPECTED, SUFFIXES
from crossimage.data.left_out import OTHER_IMAGES, LeftOut
from crossimage.data.sources.find import NameIndex, visible_folders
from crossimage.data.sources.folders import Split
from crossimage.data.sources.partition import (
    Splits,
    is_list,
    listed_splits,
    read_splits,
    split_column,
    splits_by_folder,
    splits_of_table,
)
from crossimage.data.sources.split_names import SplitName, split_folders
from crossimage.data.sources.table_text import WHITESPACE, Line, TableText, read_text
from crossimage.utils.paths import RealPaths
from crossimage.utils.reading import open_data
from crossimage.utils.reading import read_text as read_encoded
from crossimage.utils.texts.shown import LONGEST, cut

CELEBA = "list_attr_celeba.txt"
_FILE_COLUMNS = ("file", "filename", "image", "image_id", "path", "name")
_SPLITS: tuple[SplitName, ...] = ("train", "test", "val")
_FOLDERS = ("img_align_celeba", "img_align_celeba/img_align_celeba", "images",
            "Img/img_align_celeba")  # fmt: skip
_TESTS = 2000  # at most, if the table has no split; as many as in the official StarGAN


@dataclass(frozen=True)
class AttributeRow:
    """The line of a table about one image.

    Attributes:
        path: The image.
        line: Its line number.
        split: ``train``, ``test`` or ``val``; empty if unknown.
        cells: Its text in the columns of the table.
    """

    path: Path
    line: int
    split: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class AttributeTable:
    """A table of attributes.

    Attributes:
        file: The file that it was read from.
        columns: Names of its columns, without the file and split columns.
        rows: Its lines, sorted by the paths of the images.
        unnamed: Placeholder names of unnamed columns.
        text: Its encoding and separator, as shown to users.
        unlisted: Number of images in the same folders that it does not name.
        splits_from: Source of the splits, as shown to users; empty if there is none.
        tests: The separate table of the test images, if there is one.
        every_tenth: Whether every tenth image is for testing if no row has a split, as before
            rules 3.
    """

    file: Path
    columns: tuple[str, ...]
    rows: tuple[AttributeRow, ...]
    unnamed: frozenset[str] = frozenset()
    text: str = ""
    unlisted: int = 0
    splits_from: str = ""
    tests: AttributeTable | None = None
    every_tenth: bool = False

    def split(self, split: Split) -> list[AttributeRow]:
        """Return the rows of the training or the test images.

        If no row has a split, all are for training or, before rules 3, every tenth is for testing,
        but at most 2000, evenly spread. Images of ``val`` take their place if there are none of
        ``test``.
        """
        splits = {row.split for row in self.rows}
        if splits == {""} and self.every_tenth:
            total = len(self.rows)
            count = min(_TESTS, total // 10)
            tests = {(2 * i + 1) * total // (2 * count) for i in range(count)}
            return [row for i, row in enumerate(self.rows) if (i in tests) == (split == "test")]
        wanted = ("train", "") if split == "train" else ("test" if "test" in splits else "val",)
        return [row for row in self.rows if row.split in wanted]

    def origin(self, split: Split) -> str:
        """Return the source of the training or test split, as shown to users."""
        known = {row.split for row in self.rows}
        if known == {""} and self.every_tenth:
            tenth = "every tenth image" if split == "test" else "all but every tenth image"
            return f"{self.file.name}, {tenth}" if self.split("test") else self.file.name
        stands_in = split == "test" and "test" not in known and known != {""}
        instead = ", validation images in place of test images" if stands_in else ""
        return f"{self.splits_from or self.file.name}{instead}"

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return the images that are neither for training nor for tests."""
        known = {row.split for row in self.rows}
        unused = (row for row in self.rows if row.split == "val" and "test" in known)
        return tuple(LeftOut(OTHER_IMAGES, "val", str(row.path)) for row in unused)


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
    :func:`~crossimage.data.sources.table_text.read_text` for encodings. Images are named
    by the column that holds image names; if there are several, by ``file``, ``filename``,
    ``image``, ``image_id``, ``path`` or ``name``. In CelebA's format, cells are separated by
    spaces, and a header line with the names of the labels is followed by lines of an image and its
    values. The splits come from a column, see
    :func:`~crossimage.data.sources.partition.split_column`; from ``list_eval_partition.txt`` or
    ``.csv`` next to the table; or from the folders in the names of the images. By default, an image
    in a folder ``train``, ``test`` or ``val`` belongs to that split.

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
        splits = listed_splits(file, _roots(file), files, rules)
        if not splits.origin and rules != 1:
            splits = splits_by_folder(name for _, name in files)
    if split is not None:
        splits = splits_of_table(file, splits, (line for line, _ in files), split)
    located, splits_from = _locate(file, files, splits, rules)
    rows = [
        AttributeRow(path, line, split, tuple(cells[i] for i in columns))
        for (path, split), (line, cells) in zip(located, entries, strict=True)
    ]
    rows.sort(key=lambda row: row.path)
    _refuse_repeated(file, rows)
    unlisted = _count_unlisted(row.path for row in rows) if rows and rules != 1 else 0
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
    image = next((name for name in names if _has_suffix(name)), None)
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
    images = [i for i, cell in enumerate(first) if _has_suffix(cell.strip())]
    for index in [*known, *(images if len(images) == 1 else ())]:
        if index in images:
            return index
    if len(images) > 1:
        listed = " and ".join(names[i] for i in images[:2])
        raise ValueError(
            f"{file} names images in several columns, {listed}; call the one to use 'file'"
        )
    return by_name


def _count_unlisted(listed: Iterable[Path]) -> int:
    """Count the unlisted images in the folders of a table's images."""
    by_folder: dict[Path, set[str]] = defaultdict(set)
    for path in listed:
        by_folder[path.parent].add(path.name)
    return sum(
        _has_suffix(name) and not name.startswith(".") and name not in names
        for folder, names in by_folder.items()
        for name in os.listdir(folder)
    )


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
        if not started and _has_suffix(cells[0]):
            if header is None:
                raise ValueError(f"{file} has no header line before its first image")
            started = True
            complete = len(header[1]) == len(cells)  # names the column of images, too
            yield header[0], header[1] if complete else ["file", *header[1]]
        if started:
            yield number, cells
        header = number, cells


def _roots(file: Path) -> list[Path]:
    """Return the folders that paths may be relative to: the table's, and the parent of Anno."""
    return [file.parent, *([file.parent.parent] if file.parent.name == "Anno" else [])]


def _has_suffix(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _locate(
    file: Path, files: Sequence[tuple[int, str]], splits: Splits, rules: DataRules
) -> tuple[list[tuple[Path, str]], str]:
    """Return the images' paths and splits, and the source of the splits.

    Raises:
        FileNotFoundError: Images are missing; the message counts them.
        ValueError: A file is not an image, or images of different splits share its name.
    """
    # tables are long, and strings are several times as fast as paths here
    roots = [str(root) for root in _roots(file)]
    below = _folders_of_splits(roots, rules)
    others = [os.path.join(root, name) for root in roots for name in _FOLDERS]
    others = [folder for folder in others if os.path.isdir(folder)]
    order = {
        split: [*roots, *sorted(below, key=lambda folder: below[folder] != split), *others]
        for split in ("", *_SPLITS)
    }
    located, missing, index, implied = [], [], NameIndex(), False
    for (line, name), split in zip(files, splits.of, strict=True):
        if not _has_suffix(name):
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
