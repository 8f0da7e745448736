"""Names of folders and tables, and cells of tables, that mean training or test images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from crossimage.config import DataRules

SplitName = Literal["train", "val", "test"]

SPLIT_NAMES: tuple[SplitName, ...] = ("train", "val", "test")

_WORDS: dict[SplitName, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
_SPLIT_OF: dict[str, SplitName] = {word: split for split, words in _WORDS.items() for word in words}
_LETTERED = re.compile(
    rf"(?i:({'|'.join(sorted(_SPLIT_OF, key=len, reverse=True))}))"
    r"(?:[ _-]?([A-Z])|[ _-]([a-z])|([ab]))"
)

_FLAG = re.compile(
    r"(is|in|for)?(train(ing)?|test(ing)?|val(id|idation)?|dev|eval(uation)?|holdout)(set|split)?"
    r"|fold|phase|usage"
)


def may_hold_splits(column: str) -> bool:
    """Return whether a column's name, such as ``is_test`` or ``fold``, suggests splits."""
    return _FLAG.fullmatch(re.sub(r"[ _-]", "", column.casefold())) is not None


def split_of(name: str) -> SplitName | None:
    """Return the split that a whole name means, ignoring case; None if it means none."""
    return _SPLIT_OF.get(name.strip().casefold())


def split_in(name: str) -> SplitName | None:
    """Return the split that a word in a name means, such as that of ``DIV2K_train_HR``."""
    words = re.findall(r"[a-z]+", name.casefold())
    splits = {_SPLIT_OF[word] for word in words if word in _SPLIT_OF}
    return splits.pop() if len(splits) == 1 else None


def split_folders(
    names: Iterable[str], rules: DataRules = 3
) -> dict[tuple[SplitName, str], list[str]]:
    """Sort names of folders by split and by the letter of their domain.

    Args:
        names: Names of sibling folders.
        rules: The rules by which folders are found; 1: only ``train``, ``test`` and ``val``,
            followed by nothing or a capital letter.

    Returns:
        The names by split and letter, which is empty for a folder such as ``train``; there may be
        several of each, such as ``val`` and ``valid``.
    """
    folders: dict[tuple[SplitName, str], list[str]] = {}
    for name in sorted(names):
        split, letter = split_of(name), ""
        if split is None and (match := _LETTERED.fullmatch(name)):
            split = split_of(match[1])
            letter = (match[2] or match[3] or match[4]).upper()
        if split is None or (rules == 1 and name not in {f"{s}{letter}" for s in SPLIT_NAMES}):
            continue
        folders.setdefault((split, letter), []).append(name)
    return folders


def one_of(folders: list[Path]) -> Path:
    """Return the only folder; refuse several that mean the same."""
    if len(folders) > 1:
        names = " and ".join(path.name for path in folders)
        raise ValueError(
            f"{folders[0].parent} holds {names}, which mean the same; rename or remove all but one"
        )
    return folders[0]
