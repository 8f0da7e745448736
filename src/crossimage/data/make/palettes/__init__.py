"""Tables that give each class number of a label map a colour."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossimage.data.sources.tables.text import read_text
from crossimage.utils.names import did_you_mean
from crossimage.utils.numbers import digits
from crossimage.utils.texts.shown import cut

Colour = tuple[int, int, int]

_COLUMNS = (["id", "name", "r", "g", "b"], ["name", "r", "g", "b"])
_IDS = 256
_VOID = 255


@dataclass(frozen=True)
class IdColours:
    """The classes of label maps.

    Attributes:
        source: The table's name or path, or how the colours were made.
        colours: Colour of each class number: red, green and blue from 0 to 255.
        names: Name of each class number.
    """

    source: str
    colours: Mapping[int, Colour]
    names: Mapping[int, str]

    def paint(self, ids: NDArray[np.int64], path: Path) -> NDArray[np.uint8]:
        """Return a label map (H, W) in colours (H, W, 3).

        Args:
            ids: Class numbers.
            path: Its file.

        Raises:
            ValueError: The table lacks a number.
        """
        numbers, inverse = np.unique(ids, return_inverse=True)
        for number in numbers.tolist():
            if number not in self.colours:
                y, x = np.argwhere(ids == number)[0]
                raise ValueError(
                    f"{path} holds the class {number} at column {x}, row {y}, which {self.source} "
                    f"lacks; add it to a table, one line 'id,name,r,g,b' per class, and give that "
                    "as --palette"
                )
        table = np.array([self.colours[number] for number in numbers.tolist()], np.uint8)
        return table[inverse.reshape(ids.shape)]

    def as_text(self) -> str:
        """Return the table as ``fit-segmenter --palette`` reads it, one line per colour."""
        names: dict[Colour, str] = {}
        for number, colour in self.colours.items():
            names.setdefault(colour, self.names[number])
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("name", "r", "g", "b"))
        rows.writerows((name, *colour) for colour, name in names.items())
        return text.getvalue()

    def only(self, numbers: set[int]) -> IdColours:
        """Return the part of the table for some class numbers."""
        kept = {n: colour for n, colour in self.colours.items() if n in numbers}
        return IdColours(self.source, kept, {n: self.names[n] for n in kept})


def distinct_colours() -> IdColours:
    """Return a colour for each of the numbers 0 to 255, those of PASCAL VOC.

    The bits of the number are dealt to red, green and blue in turn, from the highest bit of the
    colours downwards, so that neighbouring numbers differ clearly. 0 is black; 255 is without a
    class, a light gray.
    """
    colours: dict[int, Colour] = {}
    for number in range(_IDS):
        parts = [0, 0, 0]
        for place in range(8):
            for channel in range(3):
                parts[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
        colours[number] = (parts[0], parts[1], parts[2])
    names = {number: f"class {number}" for number in range(_IDS)} | {_VOID: "void"}
    return IdColours("the default palette, of 0 to 255,", colours, names)


def known_palettes() -> list[str]:
    """Return the names of the palettes that come with the package."""
    folder = files(__name__)
    return sorted(f.name.removesuffix(".csv") for f in folder.iterdir() if f.name.endswith(".csv"))


def read_id_colours(name: str) -> IdColours:
    """Read a palette: one that comes with the package, or a table in a file.

    A table is CSV with the columns ``id,name,r,g,b``, or ``name,r,g,b`` for the numbers from 0 on.

    Args:
        name: The palette's name, or the path of the table.

    Raises:
        FileNotFoundError: There is neither such a file nor such a palette.
        ValueError: It is not such a table, names a number twice, or gives all numbers their own
            gray value.
    """
    path = Path(name).expanduser()
    if not path.is_file() and name not in known_palettes():
        raise FileNotFoundError(
            f"there is no palette {name}; expected a file of lines 'id,name,r,g,b', or one of "
            f"{', '.join(known_palettes())}{did_you_mean(name, known_palettes())}"
        )
    rows: list[Sequence[str]]
    try:
        if path.is_file():
            rows = [row for _, row in read_text(path).lines()]
        else:
            text = files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
            rows = [row for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise ValueError(
            f"{name} is not a table ({error}); expected lines 'id,name,r,g,b'"
        ) from None
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    if head not in _COLUMNS:
        raise ValueError(
            f"{name} begins with '{cut(','.join(rows[0])) if rows else ''}', expected the line "
            "'id,name,r,g,b', and below it one class per line, such as '3,road,128,64,128'"
        )
    colours: dict[int, Colour] = {}
    names: dict[int, str] = {}
    for line, row in enumerate(rows[1:]):
        cells = [cell.strip() for cell in row]
        cells = cells if head[0] == "id" else [str(line), *cells]
        found = [digits(cell) for cell in (cells[0], *cells[2:])]
        numbers = [number for number in found if number is not None]
        if len(cells) != 5 or len(numbers) != 4 or max(numbers[1:]) > 255:
            raise ValueError(
                f"{name}: found '{cut(','.join(row))}', expected '{','.join(head)}', such as "
                f"'{'3,' if head[0] == 'id' else ''}road,128,64,128'"
            )
        if numbers[0] in colours:
            raise ValueError(f"{name} names the class {numbers[0]} twice; remove one of the lines")
        colours[numbers[0]] = (numbers[1], numbers[2], numbers[3])
        names[numbers[0]] = cells[1]
    if len(colours) < 2:
        raise ValueError(f"{name} has {len(colours)} classes, expected at least 2")
    if all(colour == (number,) * 3 for number, colour in colours.items()):
        raise ValueError(
            f"{name} gives each class the gray value of its number, so that colouring would change "
            f"nothing; give a table of colours, or one of {', '.join(known_palettes())}"
        )
    return IdColours(name, colours, names)
