"""Names from users, in upper or lower case, and possibly misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


def look_up(name: str, names: Sequence[str]) -> int | None:
    """Return the index of a name, ignoring case if that is unambiguous; None if it is unknown."""
    if name in names:
        return names.index(name)
    folded = [known.casefold() for known in names]
    return folded.index(name.casefold()) if folded.count(name.casefold()) == 1 else None


def did_you_mean(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """Return a hint with the nearest name, to append to a clause; empty if none is near.

    Args:
        name: The unknown name.
        names: The known names.
        cutoff: Least similarity, from 0 to 1.
    """
    known = {candidate.casefold(): candidate for candidate in names}
    near = difflib.get_close_matches(name.casefold(), known, 1, cutoff)
    return f"; did you mean '{known[near[0]]}'?" if near else ""


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
