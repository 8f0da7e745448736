"""Names as users write them: in upper or lower case, and misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def look_up(name: str, names: Sequence[str]) -> int | None:
    """Place of a name, in upper or lower case where that is clear; None: it is none of them."""
    if name in names:
        return names.index(name)
    folded = [known.casefold() for known in names]
    return folded.index(name.casefold()) if folded.count(name.casefold()) == 1 else None


def did_you_mean(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """A hint at the nearest of the names, to end a clause with; empty where none is near.

    Args:
        name: What was found.
        names: What is known.
        cutoff: How near is near enough, from 0 to 1.
    """
    known = {candidate.casefold(): candidate for candidate in names}
    near = difflib.get_close_matches(name.casefold(), known, 1, cutoff)
    return f"; did you mean '{known[near[0]]}'?" if near else ""
