"""Tables of attributes: what each image has and has not, and which images are for tests."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from crossimage.data.images.files import EXTENSIONS
from crossimage.data.sources.folders import Split

CELEBA = "list_attr_celeba.txt"
_PARTITION = "list_eval_partition.txt"
_PARTS = {"0": "train", "1": "val", "2": "test"}

_MEANING = {"1": 1, "true": 1, "yes": 1, "0": 0, "-1": 0, "false": 0, "no": 0}
_FILE_COLUMNS = ("file", "filename", "image", "image_id", "path", "name")
_SPLITS = ("train", "test", "val")
_FOLDERS = (*_SPLITS, "img_align_celeba", "images", "Img/img_align_celeba")
_TESTS = 2000  # at most, where the table does not tell; as many as the official StarGAN

Cell = int | str
"""1 or 0; or text that means neither."""

_Line = tuple[int, Sequence[str]]
"""Number and cells of a line."""


@dataclass(frozen=True)
class Row:
    """What a table says about one image.

    Attributes:
        path: The image.
        line: The line of the table.
        split: ``train``, ``test`` or ``val``; empty where nothing tells.
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
        file: Where it was read from.
        columns: Names of its columns without those of file and split.
        rows: What it says about the images, sorted by their paths.
    """

    file: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def attributes(self) -> tuple[str, ...]:
        """The columns that hold nothing but yes and no."""
        return tuple(
            name
            for place, name in enumerate(self.columns)
            if all(isinstance(row.cells[place], int) for row in self.rows)
        )

    def values(self, row: Row, names: Sequence[str]) -> tuple[int, ...]:
        """What an image has of the columns ``names``, 1 or 0 each.

        Raises:
            ValueError: The column holds something else.
        """
        found = []
        for name in names:
            value = row.cells[self.columns.index(name)]
            if isinstance(value, str):
                raise ValueError(
                    f'{self.file}: {name} holds "{value}" in line {row.line}; expected 1 or 0'
                )
            found.append(value)
        return tuple(found)

    def split(self, split: Split) -> list[Row]:
        """The images to train with, or those to test with.

        Where nothing tells a split, every tenth image is for tests, but at most 2000 evenly spread
        ones. Images of ``val`` stand in where there are none of ``test``.
        """
        told = {row.split for row in self.rows}
        if told == {""}:
            total = len(self.rows)
            count = min(_TESTS, total // 10)
            tests = {(2 * i + 1) * total // (2 * count) for i in range(count)}
            return [row for i, row in enumerate(self.rows) if (i in tests) == (split == "test")]
        wanted = ("train", "") if split == "train" else ("test" if "test" in told else "val",)
        return [row for row in self.rows if row.split in wanted]


def find_table(folder: Path) -> Path | None:
    """The table that lies in a folder or its sub-folder ``Anno``; None where there is none.

    Raises:
        ValueError: There are several.
    """
    places = [folder, folder / "Anno"]
    tables = [path for place in places for path in sorted(place.glob("*.csv"))]
    tables += [place / CELEBA for place in places if (place / CELEBA).is_file()]
    if len(tables) > 1:
        names = " and ".join(path.relative_to(folder).as_posix() for path in tables[:2])
        raise ValueError(f"{folder} holds several tables, {names}; give the path of the one to use")
    return tables[0] if tables else None


def read_table(file: Path) -> Table:
    """Read a table: ``.csv`` with a line of names, or text in the format of CelebA.

    A CSV table names the image in a column ``file``, ``filename``, ``image``, ``image_id``,
    ``path`` or ``name``, else in its first one, and may tell ``train``, ``test`` or ``val`` in a
    column ``split``. In CelebA's format a line of names comes before lines of an image and its
    values; ``list_eval_partition.txt`` beside it tells the split. Else the folder ``train``,
    ``test`` or ``val`` of an image does.

    Raises:
        FileNotFoundError: Images are missing.
        ValueError: It is no such table, a line has too few columns, or an image stands twice.
    """
    try:
        lines = list(_csv(file) if file.suffix.lower() == ".csv" else _celeba(file))
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{file} is no table; expected a CSV file or {CELEBA}") from None
    if len(lines) < 2:
        raise ValueError(
            f"{file} names no images; expected a line of names, then one line an image"
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
    places = [i for i in range(len(names)) if i not in (file_at, split_at)]
    files = [(line, cells[file_at].strip()) for line, cells in entries]
    if split_at is not None:
        splits = [_split(file, line, cells[split_at]) for line, cells in entries]
    else:
        splits = _partition(file, files)
    located = _locate(file, files, splits)
    rows = [
        Row(path, line, split, tuple(_meaning(cells[i]) for i in places))
        for (path, split), (line, cells) in zip(located, entries, strict=True)
    ]
    rows.sort(key=lambda row: row.path)
    for one, other in zip(rows, rows[1:], strict=False):
        if one.path == other.path:
            first, second = sorted((one.line, other.line))
            raise ValueError(f"{file}, line {second}: {one.path} stands in line {first} already")
    return Table(file, tuple(names[i] for i in places), tuple(rows))


def _csv(file: Path) -> Iterator[_Line]:
    with open(file, newline="", encoding="utf-8-sig") as text:
        reader = csv.reader(text)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells


def _celeba(file: Path) -> Iterator[_Line]:
    """The line of names is the one before the first image; what stands above it is the count."""
    before: _Line | None = None
    begun = False
    for number, text in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        cells = text.split()
        if not cells:
            continue
        if not begun and cells[0].lower().endswith(EXTENSIONS):
            if before is None:
                raise ValueError(f"{file} has no line of names before its first image")
            begun = True
            yield before[0], ["file", *before[1]]
        if begun:
            yield number, cells
        before = number, cells


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
    """Folders that the images may be relative to: the table's, and the one that holds Anno."""
    return [file.parent, *([file.parent.parent] if file.parent.name == "Anno" else [])]


def _partition(file: Path, files: Sequence[tuple[int, str]]) -> list[str]:
    """The split of every image by CelebA's list of them; empty where there is no such list."""
    beside = [root / name for root in _roots(file) for name in (_PARTITION, f"Eval/{_PARTITION}")]
    found = [path for path in beside if path.is_file()]
    if not found:
        return [""] * len(files)
    lines = [text.split() for text in found[0].read_text(encoding="utf-8-sig").splitlines()]
    parts = {cells[0]: cells[1] for cells in lines if len(cells) > 1}
    for line, name in files:
        if parts.get(name, "") not in _PARTS:
            raise ValueError(
                f"{found[0]} says '{parts.get(name, 'nothing')}' of {name} ({file}, line {line}); "
                "expected 0, 1 or 2, for training, validation or test"
            )
    return [_PARTS[parts[name]] for _, name in files]


def _locate(
    file: Path, files: Sequence[tuple[int, str]], splits: Sequence[str]
) -> list[tuple[Path, str]]:
    """The images' paths and splits; raises an error that counts the missing ones."""
    # tables are long, and text is several times as fast as paths here
    roots = [str(root) for root in _roots(file)]
    below = {os.path.join(root, name): name for root in roots for name in _FOLDERS}
    below = {folder: name for folder, name in below.items() if os.path.isdir(folder)}
    order = {
        split: [*roots, *sorted(below, key=lambda folder: below[folder] != split)]
        for split in ("", *_SPLITS)
    }
    found, missing = [], []
    for (line, name), split in zip(files, splits, strict=True):
        if not name.lower().endswith(EXTENSIONS):
            raise ValueError(
                f"{file}, line {line}: '{name}' is no image; expected {', '.join(EXTENSIONS)}"
            )
        folder = next((f for f in order[split] if os.path.isfile(os.path.join(f, name))), None)
        if folder is None:
            missing.append((line, name))
            continue
        told = below.get(folder, "")
        found.append((Path(folder, name), split or (told if told in _SPLITS else "")))
    if missing:
        (line, name), count = missing[0], len(missing)
        raise FileNotFoundError(
            f"{file}, line {line}: there is no image {name} beside the table or in its folders "
            f"{', '.join(_FOLDERS)} ({count} of {len(files)} images missing)"
        )
    return found
