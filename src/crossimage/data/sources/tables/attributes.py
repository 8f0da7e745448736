"""Tables of attributes: which images have which, and which images are for testing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crossimage.data.left_out import OTHER_IMAGES, LeftOut
from crossimage.data.sources.folders import Split

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
