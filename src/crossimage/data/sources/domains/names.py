"""Names of domains: those of the data's folders, and those that a recipe or a user asks for."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from crossimage.config import DataRules
from crossimage.data.sources.similar_names import match_names
from crossimage.utils.texts.counts import listed


class ChosenDomain(NamedTuple):
    """A domain of the data that is used.

    Attributes:
        found: Its name in the data.
        name: What it is called from now on.
    """

    found: str
    name: str


def choose_names(
    found: Sequence[str],
    wanted: Sequence[str],
    place: str,
    path_of: Callable[[str], Path] | str,
    *,
    rules: DataRules = 3,
    flexible: bool = False,
) -> list[ChosenDomain]:
    """Choose domains by name.

    Names are the same regardless of case, of separators and of a plural's s, if that is
    unambiguous; such domains are called as asked for. Single letters, such as A and B, say nothing
    and are taken in order.

    Args:
        found: Names in the data, in their order.
        wanted: Names that are asked for; empty: all that are found.
        place: Where they were found, for error messages.
        path_of: Returns the path of a name, for the command to advise; or the advice itself.
        rules: The rules by which domains are named; before 3, names of which none is found rename
            the folders in their order.
        flexible: Whether the data's own names take the place of other ones.

    Returns:
        The domains to use, in the order of the names that were asked for.

    Raises:
        ValueError: The data has other names.
    """
    if not wanted:
        return [ChosenDomain(name, name) for name in found]
    match = match_names(found, wanted) if rules == 3 else {w: w for w in wanted if w in found}
    if len(match) == len(wanted):
        return [ChosenDomain(match[name], name) for name in wanted]
    by_order = are_letters(found) or are_letters(wanted) or (rules != 3 and not match)
    if by_order and len(found) == len(wanted):
        return [ChosenDomain(*both) for both in zip(found, wanted, strict=True)]
    if flexible or by_order:
        return [ChosenDomain(name, name) for name in found]
    missing = next(name for name in wanted if name not in match)
    raise ValueError(
        f"{place} holds {listed(found)}, and no '{missing}': expected {listed(wanted)}"
        f"{path_of if isinstance(path_of, str) else _advice(found, wanted, match, path_of)}"
    )


def are_letters(names: Sequence[str]) -> bool:
    """Return whether names are single letters from A on, which say nothing about images."""
    letters = [chr(ord("a") + index) for index in range(len(names))]
    return [name.lower() for name in names] == letters


def _advice(
    found: Sequence[str],
    wanted: Sequence[str],
    match: dict[str, str],
    path_of: Callable[[str], Path],
) -> str:
    """Return which options would name the domains."""
    others = [name for name in found if name not in match.values()]
    unnamed = [name for name in wanted if name not in match]
    if len(others) < len(unnamed):
        return ""
    chosen = match | dict(zip(unnamed, others, strict=False))
    command = ",".join(f"{name}={path_of(chosen[name])}" for name in wanted)
    swap = "" if match or len(others) > 2 else ", or these two the other way round"
    return f"; it matters which is which, so say it: --data {shlex.quote(command)}{swap}"
