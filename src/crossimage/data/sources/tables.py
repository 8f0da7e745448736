"""Tables of attributes: which attributes each image has, and which images are for testing."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from crossimage.data.images.formats import EXPECTED, SUFFIXES
from crossimage.data.sources.find import NameIndex, same_name
from crossimage.data.sources.folders import Split

CELEBA = "list_attr_celeba.txt"
_PARTITION = "list_eval_partition.txt"
_PARTS = {"0": "train", "1": "val", "2": "test"}

_MEANING = {"1": 1, "true": 1, "yes": 1, "0": 0, "-1": 0, "false": 0, "no": 0}
_FILE_COLUMNS = ("file", "filename", "image", "image_id", "path", "name")
_SPLITS = ("train", "test", "val")
_FOLDERS = (*_SPLITS, "img_align_celeba", "images", "Img/img_align_celeba")
_TESTS = 2000  # at most, if the table has no split; as many as in the official StarGAN

Cell = int | str
"""1 or 0, or text that means neither."""

_Line = tuple[int, Sequence[str]]
"""Line number and cells."""


@dataclass(frozen=True)
class Row:
    """The line of a table about one image.

    Attributes:
        path: The image.
        line: Its line number.
        split: ``train``, ``test`` or ``val``; empty if unknown.
        cells: Its values in the columns of the table.
    """

    path: Path
    line: int
    split: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table of attributes.

    Attributes:
        file: The file that it was read from.
        columns: Names of its columns, without those of file and split.
        rows: Its lines, sorted by the paths of the images.
    """

    file: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def attributes(self) -> tuple[str, ...]:
        """Return the names of the columns that hold only 1 and 0."""
        return tuple(
            name
            for column, name in enumerate(self.columns)
            if all(isinstance(row.cells[column], int) for row in self.rows)
        )

    def values(self, row: Row, names: Sequence[str]) -> tuple[int, ...]:
        """Return the values, 1 or 0, of a row in the columns ``names``.

        Raises:
            ValueError: The row holds something else there.
        """
        values = []
        for name in names:
            value = row.cells[self.columns.index(name)]
            if isinstance(value, str):
                raise ValueError(
                    f'{self.file}: {name} holds "{value}" in line {row.line}; expected 1 or 0'
                )
            values.append(value)
        return tuple(values)

    def split(self, split: Split) -> list[Row]:
        """Return the rows of the training or the test images.

        If no row has a split, every tenth image is for testing, but at most 2000, evenly spread.
        Images of ``val`` stand in if there are none of ``test``.
        """
        splits = {row.split for row in self.rows}
        if splits == {""}:
            total = len(self.rows)
            count = min(_TESTS, total // 10)
            tests = {(2 * i + 1) * total // (2 * count) for i in range(count)}
            return [row for i, row in enumerate(self.rows) if (i in tests) == (split == "test")]
        wanted = ("train", "") if split == "train" else ("test" if "test" in splits else "val",)
        return [row for row in self.rows if row.split in wanted]


def find_table(folder: Path) -> Path | None:
    """Return the table in a folder or its subfolder ``Anno``; None if there is none.

    Raises:
        ValueError: There are several.
    """
    folders = [folder, folder / "Anno"]
    tables = [path for parent in folders for path in sorted(parent.glob("*.csv"))]
    tables += [parent / CELEBA for parent in folders if (parent / CELEBA).is_file()]
    if len(tables) > 1:
        names = " and ".join(path.relative_to(folder).as_posix() for path in tables[:2])
        raise ValueError(f"{folder} holds several tables, {names}; give the path of the one to use")
    return tables[0] if tables else None


def read_table(file: Path) -> Table:
    """Read a table: ``.csv`` with a header line, or text in the format of CelebA.

    A CSV table names the image in a column ``file``, ``filename``, ``image``, ``image_id``,
    ``path`` or ``name``, or else in its first column, and may give the split, ``train``, ``test``
    or ``val``, in a column ``split``. In CelebA's format, a header line is followed by lines of an
    image and its values, and ``list_eval_partition.txt`` beside the table gives the splits. By
    default, an image in a folder ``train``, ``test`` or ``val`` belongs to that split.

    Raises:
        FileNotFoundError: Images are missing.
        ValueError: The file is not such a table, a line has a wrong number of columns, or two lines
            name the same image.
    """
    try:
        lines = list(_csv(file) if file.suffix.lower() == ".csv" else _celeba(file))
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{file} is not a table; expected a CSV file or {CELEBA}") from None
    if len(lines) < 2:
        raise ValueError(
            f"{file} names no images; expected a line of names, then one line per image"
        )
    (_, names), *entries = lines
    names = [name.strip() for name in names]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{file} has two columns '{name}'; give each its own name")
    for line, cells in entries:
        if len(cells) != len(names):
            raise ValueError(
                f"{file}, line {line} has {len(cells)} columns; expected {len(names)}: "
                f"{', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
            )
    folded = [name.casefold() for name in names]
    split_at = folded.index("split") if "split" in folded else None
    known = [folded.index(name) for name in _FILE_COLUMNS if name in folded]
    file_at = known[0] if known else next((i for i in range(len(names)) if i != split_at), 0)
    columns = [i for i in range(len(names)) if i not in (file_at, split_at)]
    files = [(line, cells[file_at].strip()) for line, cells in entries]
    if split_at is not None:
        splits = [_split(file, line, cells[split_at]) for line, cells in entries]
    else:
        splits = _partition(file, files)
    located = _locate(file, files, splits)
    rows = [
        Row(path, line, split, tuple(_meaning(cells[i]) for i in columns))
        for (path, split), (line, cells) in zip(located, entries, strict=True)
    ]
    rows.sort(key=lambda row: row.path)
    for one, other in zip(rows, rows[1:], strict=False):
        if one.path == other.path:
            first, second = sorted((one.line, other.line))
            raise ValueError(f"{file}, line {second}: {one.path} is already in line {first}")
    return Table(file, tuple(names[i] for i in columns), tuple(rows))


def _csv(file: Path) -> Iterator[_Line]:
    with open(file, newline="", encoding="utf-8-sig") as text:
        reader = csv.reader(text)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells


def _celeba(file: Path) -> Iterator[_Line]:
    """Yield the lines from the header on, which precedes the first image and follows the count."""
    header: _Line | None = None
    started = False
    for number, text in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        cells = text.split()
        if not cells:
            continue
        if not started and _has_suffix(cells[0]):
            if header is None:
                raise ValueError(f"{file} has no line of names before its first image")
            started = True
            yield header[0], ["file", *header[1]]
        if started:
            yield number, cells
        header = number, cells


@lru_cache(1000)
def _meaning(text: str) -> Cell:
    text = text.strip()
    return _MEANING.get(text.casefold(), text)


def _split(file: Path, line: int, cell: str) -> str:
    split = cell.strip().casefold()
    if split not in _SPLITS:
        raise ValueError(f"{file}, line {line}: split is '{cell}'; expected {', '.join(_SPLITS)}")
    return split


def _roots(file: Path) -> list[Path]:
    """Return the folders that paths may be relative to: the table's, and the parent of Anno."""
    return [file.parent, *([file.parent.parent] if file.parent.name == "Anno" else [])]


def _partition(file: Path, files: Sequence[tuple[int, str]]) -> list[str]:
    """Return the split of every image according to CelebA's list; empty if there is no list."""
    beside = [root / name for root in _roots(file) for name in (_PARTITION, f"Eval/{_PARTITION}")]
    partition = next((path for path in beside if path.is_file()), None)
    if partition is None:
        return [""] * len(files)
    lines = [text.split() for text in partition.read_text(encoding="utf-8-sig").splitlines()]
    parts = {same_name(cells[0]): cells[1] for cells in lines if len(cells) > 1}
    files = [(line, same_name(name)) for line, name in files]
    for line, name in files:
        if parts.get(name, "") not in _PARTS:
            raise ValueError(
                f"{partition} says '{parts.get(name, 'nothing')}' of {name} ({file}, line {line}); "
                "expected 0, 1 or 2, for training, validation or test"
            )
    return [_PARTS[parts[name]] for _, name in files]


def _has_suffix(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _locate(
    file: Path, files: Sequence[tuple[int, str]], splits: Sequence[str]
) -> list[tuple[Path, str]]:
    """Return the images' paths and splits; raise an error that counts missing images."""
    # tables are long, and strings are several times as fast as paths here
    roots = [str(root) for root in _roots(file)]
    below = {os.path.join(root, name): name for root in roots for name in _FOLDERS}
    below = {folder: name for folder, name in below.items() if os.path.isdir(folder)}
    order = {
        split: [*roots, *sorted(below, key=lambda folder: below[folder] != split)]
        for split in ("", *_SPLITS)
    }
    located, missing, index = [], [], NameIndex()
    for (line, name), split in zip(files, splits, strict=True):
        if not _has_suffix(name):
            raise ValueError(f"{file}, line {line}: '{name}' is not an image; expected {EXPECTED}")
        folder = next((f for f in order[split] if os.path.isfile(os.path.join(f, name))), None)
        if folder is None and not name.isascii():  # perhaps in the other Unicode form
            folder = next((f for f in order[split] if index.find(Path(f, name))), None)
            name = str(index.find(Path(folder, name))) if folder else name
        if folder is None:
            missing.append((line, name))
            continue
        implied = below.get(folder, "")
        located.append((Path(folder, name), split or (implied if implied in _SPLITS else "")))
    if missing:
        (line, name), count = missing[0], len(missing)
        raise FileNotFoundError(
            f"{file}, line {line}: there is no image {name} beside the table or in its folders "
            f"{', '.join(_FOLDERS)} ({count} of {len(files)} images missing)"
        )
    return located
