"""Tables of classes and of their colours in label maps."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from crossimage.data.sources.tables.text import read_text
from crossimage.utils.numbers import digits
from crossimage.utils.texts.shown import cut

VOID = 255
"""Class index of pixels that belong to no class."""

LOSSY = (".jpg", ".jpeg", ".webp")
"""Formats that may change colours slightly, so that the nearest colour of the table counts."""

_COLUMNS = ["name", "r", "g", "b"]
_VOID_NAMES = frozenset({"void", "ignore"})


@dataclass(frozen=True)
class Palette:
    """Classes and their colours.

    Attributes:
        names: Names of the classes, in order.
        colours: All colours: red, green and blue from 0 to 255.
        numbers: Class index of each colour, or :data:`VOID`.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    numbers: tuple[int, ...]

    def classes_of(self, labels: Tensor, path: Path) -> Tensor:
        """Return the class of every pixel of a label map.

        Colours must be those of the table; in lossy formats (:data:`LOSSY`) the nearest counts.

        Args:
            labels: The label map (1 or 3, H, W) of uint8; gray means three equal channels.
            path: Its file.

        Returns:
            Class indices (H, W) of uint8, with :data:`VOID` where there is no class.

        Raises:
            ValueError: A colour is not in the table, or the map has another number of channels.
        """
        codes = _codes(labels, path)
        unique, inverse = torch.unique(codes, return_inverse=True)
        distance, nearest = self._nearest(unique)
        unknown = distance.nonzero()
        if len(unknown) and path.suffix.lower() not in LOSSY:
            position = int((inverse == unknown[0]).flatten().nonzero()[0])
            y, x = divmod(position, codes.shape[1])
            colour = ", ".join(str(part) for part in _channels(unique[unknown[0]])[0].tolist())
            raise ValueError(
                f"{path} has the colour ({colour}) at column {x}, row {y}, which the table of "
                f"classes lacks; add it there, as 'void' if such pixels should not count"
            )
        return torch.tensor(self.numbers, dtype=torch.uint8)[nearest[inverse]]

    def distance(self, image: Tensor, path: Path) -> float:
        """Return the mean distance of an image's colours to the table; 0 for a label map."""
        unique, counts = torch.unique(_codes(image, path), return_counts=True)
        distance, _ = self._nearest(unique)
        return float((distance * counts).sum() / counts.sum())

    def _nearest(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distance to the nearest colour, and its index in the table, for each code."""
        table = torch.tensor(self.colours, dtype=torch.float32)
        # Direct differences: exact, so that equal colours have distance 0.
        lowest = torch.cdist(
            _channels(codes).float(), table, compute_mode="donot_use_mm_for_euclid_dist"
        ).min(1)
        return lowest.values, lowest.indices


def read_palette(path: Path) -> Palette:
    """Read a table of classes: CSV with the columns ``name,r,g,b``, one line per colour.

    Other encodings and separators are detected as in tables of attributes. Classes are numbered in
    the order of the table; a class may have several colours. The classes
    ``void`` and ``ignore`` do not count. Label maps that hold class numbers instead
    of colours are gray images: number 7 is the colour 7, 7, 7.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not such a table; the message names the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no table of classes {path}; expected CSV: name,r,g,b")
    try:
        rows = list(read_text(path).lines())
    except csv.Error as error:
        raise ValueError(
            f"{path} is not a text table ({error}); expected CSV: name,r,g,b"
        ) from None
    if not rows or [cell.strip().lower() for cell in rows[0][1]] != _COLUMNS:
        raise ValueError(
            f"{path} begins with '{cut(','.join(rows[0][1])) if rows else ''}', expected the line "
            "'name,r,g,b', and below it one colour per line, such as 'road,128,64,128'"
        )
    lines = [
        (f"{path}, line {number}", *_entry(f"{path}, line {number}", row))
        for number, row in rows[1:]
    ]
    names = tuple(dict.fromkeys(name for _, name, _ in lines if not _is_void(name)))
    if not 2 <= len(names) < VOID:
        raise ValueError(f"{path} has {len(names)} classes, expected 2 to {VOID - 1}")
    known: dict[tuple[int, int, int], int] = {}
    for where, name, colour in lines:
        if colour in known:
            raise ValueError(f"{where}: the colour {colour} appears twice; remove one of the lines")
        known[colour] = VOID if _is_void(name) else names.index(name)
    return Palette(names, tuple(known), tuple(known.values()))


def _entry(where: str, row: Sequence[str]) -> tuple[str, tuple[int, int, int]]:
    cells = [cell.strip() for cell in row]
    numbers = [digits(cell) for cell in cells[1:]]
    parts = [number for number in numbers if number is not None and number <= 255]
    if len(cells) != 4 or not cells[0] or len(parts) != 3:
        raise ValueError(
            f"{where}: found '{cut(','.join(row))}', expected a name and three numbers from "
            "0 to 255, such as 'road,128,64,128'"
        )
    return cells[0], (parts[0], parts[1], parts[2])


def _is_void(name: str) -> bool:
    return name.casefold() in _VOID_NAMES


def _codes(image: Tensor, path: Path) -> Tensor:
    """Return the colour of every pixel (H, W) as one number."""
    if image.shape[0] not in (1, 3) or image.dtype != torch.uint8:
        raise ValueError(
            f"{path} holds {image.shape[0]} channels of {image.dtype}; expected a gray or RGB "
            "label map of 8 bits"
        )
    red, green, blue = image.cpu().expand(3, *image.shape[1:]).int()
    return red * 65536 + green * 256 + blue


def _channels(codes: Tensor) -> Tensor:
    """Return red, green and blue (N, 3) of codes (N,)."""
    return torch.stack([codes // 65536, codes // 256 % 256, codes % 256], 1)
