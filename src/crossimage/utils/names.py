"""Names and paths from users, in upper or lower case, and possibly misspelt."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

_LOOKED_AT = 1000  # files of a folder, for suggestions


def look_up(name: str, names: Sequence[str]) -> int | None:
    """Return the index of a name; None if it is unknown.

    Its Unicode form is ignored, and its case, where that is unambiguous.
    """
    if name in names:
        return names.index(name)
    for form in (_composed, _folded):
        forms = [form(known) for known in names]
        if forms.count(form(name)) == 1:
            return forms.index(form(name))
    return None


def _composed(name: str) -> str:
    """Return a name in one Unicode form; systems store accents in two ways."""
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold()


def did_you_mean(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """Return a hint with the nearest name, to append to a clause; empty if none is near.

    Args:
        name: The unknown name.
        names: The known names.
        cutoff: Least similarity, from 0 to 1.
    """
    known = {_folded(candidate): candidate for candidate in names}
    near = difflib.get_close_matches(_folded(name), known, 1, cutoff)
    return f"; did you mean '{known[near[0]]}'?" if near else ""


def near_path_hint(path: Path, fits: Callable[[Path], bool] = os.path.exists) -> str:
    """Return a hint with the nearest existing path, to append to a clause; empty if none is near.

    Args:
        path: A path where there is nothing.
        fits: Whether a path is of the kind that is looked for.
    """
    near = nearest_path(path, fits)
    return f"; did you mean '{near}'?" if near else ""


def nearest_path(path: Path, fits: Callable[[Path], bool] = os.path.exists) -> Path | None:
    """Return the existing path that a misspelt one most likely stands for; None if none is near.

    Names of folders on the way may be misspelt, too, a file may have another suffix, and a path of
    Windows may be meant in Linux.

    Args:
        path: A path where there is nothing.
        fits: Whether a path is of the kind that is looked for.
    """
    if (respelt := _respelt(path)) != path:
        return respelt if fits(respelt) else nearest_path(respelt, fits)
    folder = path.parent
    if not os.path.isdir(folder):
        above = nearest_path(folder, os.path.isdir) if folder != path else None
        if above is None or fits(above / path.name):
            return above and above / path.name
        folder = above
    try:
        beside = sorted(filter(fits, islice(folder.iterdir(), _LOOKED_AT)))
    except OSError:  # it can't be read
        return None
    stems = {found.stem.casefold() for found in beside}
    near = difflib.get_close_matches(path.stem.casefold(), stems, 1)
    alike = (found for found in beside if found.stem.casefold() in near)
    return max(alike, key=lambda found: _likeness(found, path), default=None)


def _likeness(found: Path, path: Path) -> tuple[bool, float]:
    """Return whether two suffixes are equal, and how similar the names are, minding their case."""
    same = found.suffix == path.suffix
    return same, difflib.SequenceMatcher(None, path.name, found.name).ratio()


def _respelt(path: Path) -> Path:
    """Return a path without quotes that a shell has left, and one of Windows as Linux has it."""
    text = str(path).strip(" '\"")
    if os.sep == "/":
        text = text.replace("\\", "/")
        if re.match("[A-Za-z]:/", text):  # drives are folders in Linux below Windows
            text = f"/mnt/{text[0].lower()}{text[2:]}"
    return Path(text) if text else path


DEVICES = (
    "auto", "cpu", "cuda", "mps", "xpu", "hpu", "hip", "ipu", "maia", "meta", "mtia", "vulkan",
    "xla", "privateuseone",
)  # fmt: skip
"""Names of devices, the usual ones first; ``auto`` is ours, the others are PyTorch's."""


def check_device_name(name: str) -> None:
    """Refuse a device that PyTorch has no name for, without importing it.

    Raises:
        ValueError: The name is unknown; the nearest one is suggested.
    """
    kind, colon, number = name.partition(":")
    if kind not in DEVICES or (colon and not (number.isascii() and number.isdecimal())):
        hint = did_you_mean(kind, DEVICES[:4]) if kind not in DEVICES else ""
        raise ValueError(
            f"there is no device {name!r}; expected auto, cpu, cuda, cuda:1 (the second GPU) or "
            f"mps{hint}"
        )


def titles_of(paths: Sequence[str]) -> list[str]:
    """Return the shortest end of each path that distinguishes it, such as ``munit``."""
    parts = [Path(path).parts or (path,) for path in paths]
    titles = []
    for own in parts:
        ends = (own[-n:] for n in range(1, len(own) + 1))
        unique = (end for end in ends if sum(end == one[-len(end) :] for one in parts) == 1)
        titles.append(str(Path(*next(unique, own))))
    return titles
