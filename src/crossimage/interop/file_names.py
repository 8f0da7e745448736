"""Information in the names of checkpoint files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from crossimage.interop.checkpoint_files import canonical, spellings
from crossimage.interop.mapping import CheckpointFile, Files

_PATTERNS = [
    re.compile(pattern)
    for pattern in (
        r"(?:.*?[_-])??(?P<epoch>iter_\d+|\d+|latest|best)_net_(?P<role>[A-Za-z]\w*)",
        r"(?P<role>gen|dis)_(?P<epoch>\d+)",
        r"(?P<epoch>\d+)_(?P<role>nets|nets_ema)",
        r"(?P<epoch>\d+)-(?P<role>[A-Z])",
        r"(?P<role>(?:[GD]|generator|discriminator)(?:_(?:[AB]{1,2}|[AB](?:2|to)[AB]))?)"
        r"_(?P<epoch>\d+)",
        r"(?:.*_)?net_?(?P<role>[GD]_(?:[AB]{1,2}|[AB](?:2|to)[AB]))(?P<epoch>)",
        r"(?P<role>[GD]_(?:[AB]{1,2}|[AB](?:2|to)[AB]))(?P<epoch>)",
    )
]


class CheckpointName(NamedTuple):
    """What a file's name says in the style of the official programs.

    Attributes:
        role: The network, such as ``G_A``.
        epoch: The epoch or iteration, as it is written; empty if the name has none.
    """

    role: str
    epoch: str


def read_name(path: Path) -> CheckpointName | None:
    """Return what a file's name says; None for names that no official program gives."""
    stem = re.sub(r" ?\(\d+\)$", "", path.stem)  # a browser's second download
    match = next((m for pattern in _PATTERNS if (m := pattern.fullmatch(stem))), None)
    return CheckpointName(match["role"], match["epoch"]) if match else None


def check_names(paths: Sequence[Path], sources: Sequence[CheckpointFile], files: Files) -> None:
    """Refuse files whose names contradict their places or one another.

    Args:
        paths: The files.
        sources: The networks that they are taken for, in the order of the format.
        files: The networks of the format.

    Raises:
        ValueError: A name says another network, or two names say different epochs.
    """
    if files.any_order:
        return
    said = {path: name for path in paths if (name := read_name(path))}
    roles = spellings(files.roles, [name.role for name in said.values()])
    own = {ours: text for text, ours in roles.items()}
    directed = "gab" in roles and "G_AB" not in files.roles
    for source, role in zip(sources, files.roles, strict=False):
        name = said.get(source.path)
        places = files.optional if files.told_apart and role in files.optional else (role,)
        terms = [own.get(place, canonical(place)) for place in places]
        if name and all(_differ(canonical(name.role), term) for term in terms):
            shown = f"{terms[0][0]}_{terms[0][1:]}".upper() if directed else role
            order = "G_AB G_BA [D_B] [D_A]" if directed else files
            raise ValueError(
                f"{source.path} is given as {shown}, but its name says {name.role}; give the files "
                f"in the order {order}, or rename this one if its name is wrong"
            )
    named = [(path, name.epoch) for path in paths if (name := read_name(path)) and name.epoch]
    for path, epoch in named[1:]:
        if number_of(epoch) != number_of(named[0][1]):
            raise ValueError(
                f"{named[0][0]} and {path} are from different times of training by their names, "
                f"{named[0][1]} and {epoch}; give files of the same one, or rename one of them if "
                "they belong together"
            )


def _differ(said: str, place: str) -> bool:
    """Return whether a name's role contradicts a place; ``G`` may be either of ``G_A``, ``G_B``."""
    if not re.fullmatch(r"[a-z](ab?|ba?|\d)?", said) or not re.fullmatch(
        r"[a-z](ab?|ba?|\d)?", place
    ):
        return False
    sides = {said[1:], place[1:]}
    return said[0] != place[0] or (len(sides) == 2 and not ("" in sides and sides & {"a", "b"}))


def number_of(epoch: str) -> str:
    """Return an epoch as it is written without leading zeros."""
    return epoch.lstrip("0") or "0"
