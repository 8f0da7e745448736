"""Files and folders that are not used: why, and how a summary counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# Reasons for leaving a file or folder out, as a noun for one and for several.
NOT_IMAGE = ("not an image", "not images")
FORMAT = ("image of an unsupported format", "images of unsupported formats")
JUNK_FOLDER = ("junk folder", "junk folders")
JUNK_FILE = ("junk file", "junk files")
NO_ACCESS = ("unreadable folder", "unreadable folders")
CYCLE = ("link to a folder that contains it", "links to folders that contain them")
BROKEN_LINK = ("broken link", "broken links")
FURTHER = ("further image in a file", "further images in files")
SPECIAL = ("special file", "special files")
RUN = ("training run", "training runs")
OTHER_SPLIT = ("folder of another split", "folders of other splits")
NO_SPLIT = ("folder whose name is not a split", "folders whose names are not splits")
NO_DOMAIN = (
    "folder of test images without training images",
    "folders of test images without training images",
)
OTHER_IMAGES = ("image of another split", "images of another split")
WITHOUT_LABELS = ("image without labels", "images without labels")
SHEET = ("contact sheet", "contact sheets")
NOT_LISTED = ("file that no translation wrote", "files that no translation wrote")
LOW_RESOLUTION = ("folder of low resolution", "folders of low resolution")
OUTSIDE = ("image outside the folders of splits", "images outside the folders of splits")
OUTSIDE_DOMAINS = (
    "image outside the folders of domains", "images outside the folders of domains",
)  # fmt: skip
TWICE = ("input given twice", "inputs given twice")
RESULT = ("result of an earlier translation", "results of an earlier translation")
IN_OUTPUT = ("image in the folder of the results", "images in the folder of the results")
BY_PATH = (
    FURTHER, NO_ACCESS, CYCLE, BROKEN_LINK, SPECIAL, RUN, OTHER_SPLIT, NO_SPLIT,
    NO_DOMAIN, LOW_RESOLUTION, TWICE,
)  # fmt: skip
"""Reasons whose files and folders a summary names by their paths."""

_NAMED = 3  # names per reason


class LeftOut(NamedTuple):
    """A file or folder that is not used.

    Attributes:
        reason: Why, as a noun for one and for several.
        name: How the summary names it: by path, name or suffix.
        path: Its path.
    """

    reason: tuple[str, str]
    name: str
    path: str


def describe(left_out: Iterable[LeftOut], unreadable: int = 0) -> str | None:
    """Count what was left out by reason, in one line; None if nothing was.

    Args:
        left_out: Files and folders; each counts once.
        unreadable: Number of images that cannot be read.
    """
    parts = [f"{unreadable} unreadable"] if unreadable else []
    by_reason: dict[tuple[str, str], list[str]] = {}
    for entry in dict.fromkeys(left_out):
        by_reason.setdefault(entry.reason, []).append(entry.name)
    for reason, names in by_reason.items():
        counts, total = Counter(names).most_common(), len(names)
        plain = total == counts[0][1] or reason in BY_PATH
        shown = [name if plain else f"{number} {name}" for name, number in counts[:_NAMED]]
        more = ", ..." if len(counts) > _NAMED else ""
        parts.append(f"{total} {reason[total > 1]} ({', '.join(shown)}{more})")
    return f"left out: {', '.join(parts)}" if parts else None


def further_images(path: Path, count: int) -> list[LeftOut]:
    """Return the other images of a file as left out, since only one per file is read."""
    return [LeftOut(FURTHER, str(path), f"{path}#{number}") for number in range(count)]
