"""Tell our own results, contact sheets and reports from the images that a folder is about."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from crossimage.utils.manifest import REPORT, RESULT, SHEET, Entry, is_manifest, known_files

SHEET_NAME = "sheet.png"
"""Name of the contact sheet next to results."""

_COLUMNS = 8  # columns, and at most as many rows, of the sheet of samples
_BORDER = 2  # pixels between its images
_MARGIN = 20  # white pixels around the sheet of all labels


def entries_below(folder: Path, files: Iterable[str | Path]) -> dict[str, Entry]:
    """Return what the lists of results say about files, by real path.

    Args:
        folder: The folder that was searched; lists above it count, too.
        files: All files below it, among them the lists.
    """
    places = {os.path.dirname(path) for path in files if is_manifest(os.path.basename(path))}
    entries: dict[str, Entry] = {}
    for place in [str(folder), *sorted(places)]:
        for path, entry in known_files(Path(place)).items():
            entries[os.path.realpath(path)] = entry
    return entries


def split_results(
    images: Sequence[Path], entries: dict[str, Entry]
) -> tuple[list[Path], list[Path], list[Path]]:
    """Split images into other images, results and contact sheets.

    Args:
        images: The images of a folder.
        entries: What the lists say about them, by real path.

    Returns:
        The three lists, each in the given order. Sheets of earlier versions, which no list names,
        are recognised by their name and size.
    """
    others: list[Path] = []
    results: list[Path] = []
    sheets: list[Path] = []
    unlisted = set()
    for path in images:
        entry = entries.get(os.path.realpath(path)) if entries else None
        if entry is not None:
            (results if entry.kind == RESULT else sheets).append(path)
        elif path.name == SHEET_NAME:
            unlisted.add(path)
            others.append(path)
        else:
            others.append(path)
    for path in unlisted:
        neighbours = [other for other in images if other.parent == path.parent and other != path]
        if _is_sheet_of(path, neighbours):
            others.remove(path)
            sheets.append(path)
    return others, results, sheets


def is_own(path: str | Path, entries: dict[str, Entry]) -> bool:
    """Return whether a file that is not an image is a list of results, a sheet or a report."""
    if is_manifest(os.path.basename(path)):
        return True
    entry = entries.get(os.path.realpath(path)) if entries else None
    return entry is not None and entry.kind in (SHEET, REPORT)


def _is_sheet_of(path: Path, neighbours: Sequence[Path]) -> bool:
    """Return whether a file is a contact sheet of the images next to it."""
    if not neighbours:
        return False
    try:
        return _shows_samples(path, neighbours) or _shows_labels(path, neighbours)
    except (OSError, ValueError):  # unreadable, which is reported when it is read
        return False


def _shows_samples(path: Path, neighbours: Sequence[Path]) -> bool:
    """Return whether a file has the size of a grid of images named 0001 and so on."""
    if not all(image.stem.isdecimal() and len(image.stem) >= 4 for image in neighbours):
        return False
    from crossimage.data.images.files import probe  # which loads PyTorch

    sheet, image, shown = probe(path), probe(neighbours[0]), min(len(neighbours), _COLUMNS**2)
    columns = math.ceil(math.sqrt(shown))
    rows = math.ceil(shown / columns)
    border = _BORDER if shown > 1 else 0
    return (sheet.width, sheet.height) == (
        columns * (image.width + border) + border, rows * (image.height + border) + border
    )  # fmt: skip


def _shows_labels(path: Path, neighbours: Sequence[Path]) -> bool:
    """Return whether a file has a white margin, and each image next to it the same labels."""
    labels: dict[str, set[str]] = defaultdict(set)
    for image in neighbours:
        stem, _, label = image.stem.rpartition("_")
        labels[stem].add(label)
    first = next(iter(labels.values()))
    if "" in labels or len(first) < 2 or any(own != first for own in labels.values()):
        return False
    from crossimage.data.images.files import decode

    sheet = decode(path, 3)
    if min(sheet.shape[1:]) <= 2 * _MARGIN:
        return False
    edges = (sheet[:, :_MARGIN], sheet[:, -_MARGIN:], sheet[..., :_MARGIN], sheet[..., -_MARGIN:])
    return all(bool((edge == 255).all()) for edge in edges)
