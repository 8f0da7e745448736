"""Sentences on the splits and pairs of a data set."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from crossimage.data.sources.folders import SPLITS, Domain, Split
from crossimage.data.sources.pairs import matched_by
from crossimage.data.sources.similar_names import are_similar
from crossimage.utils.texts.counts import listed
from crossimage.utils.texts.setting_text import names_text

_NAMED = 3
_LETTERS = ("a", "b")
_NOUNS = {"train": "training images", "test": "test images"}


def describe_splits(domains: Sequence[Domain]) -> list[str]:
    """Return the number and source of the images of each split."""
    return [f"{_NOUNS[split]}: {_counts(domains, split)}" for split in SPLITS]


def describe_names(domains: Sequence[Domain], wanted: Sequence[str]) -> list[str]:
    """Return which domain is which, where that is not plain from the names in the data.

    Args:
        domains: The domains.
        wanted: The names that a recipe or a user asked for.
    """
    names = [domain.name for domain in domains]
    if wanted and names != [*wanted]:
        return [f"the domains are called {listed(names)} as in the data, not {listed(wanted)}"]
    others = [domain for domain in domains if domain.called and domain.name not in _LETTERS]
    by_order = [d for d in others if not are_similar(d.name, d.called)]
    if others:
        which = listed([f"{domain.name} is {domain.called}" for domain in others])
        return [f"assumed from the {'order' if by_order else 'names'}: {which}"]
    root = domains[0].train_root
    in_folders = root.is_dir() and all(root.parent == d.train_root.parent for d in domains)
    if wanted or not in_folders or domains[0].called or names != sorted(names):
        return []
    other = shlex.quote(f"domains={names_text(names[::-1])}")
    return [f"the domains are in alphabetical order, {listed(names)}; {other} reverses it"]


def describe_pairs(domains: Sequence[Domain]) -> list[str]:
    """Return how aligned images are paired, with the first of them as examples."""
    rows = list(zip(*(domain.train for domain in domains), strict=True))
    if domains[0].half is not None:
        shown = [str(row[0]) for row in rows]
    elif domains[0].lines:
        shown = [
            f"line {line}: {' and '.join(map(str, row))}"
            for line, row in zip(domains[0].lines, rows, strict=True)
        ]
    else:
        shown = [" and ".join(map(str, row)) for row in rows]
    examples = "; ".join(shown[:_NAMED])
    more = f"; ... ({len(shown):,} in all)" if len(shown) > _NAMED else ""
    lines = [f"Images are paired {matched_by(domains)}: {examples}{more}."]
    tested = [domain for domain in domains if domain.test]
    if tested and len(tested) < len(domains):
        names = " and ".join(domain.name for domain in tested)
        lines.append(
            f"The test images of {names} have no partners: they are shown on sheets, and nothing "
            "is measured on them."
        )
    return lines


def _counts(domains: Sequence[Domain], split: Split) -> str:
    names: dict[tuple[tuple[Path, ...], str], list[str]] = {}
    for domain in domains:
        files = domain.files(split)
        origin = (domain.train_from if split == "train" else domain.test_from) if files else ""
        # both halves of a file, and both scales of an image, are counted once
        names.setdefault((files, origin), []).append(domain.name)
    parts = []
    for (files, origin), owners in names.items():
        owned = " and ".join(owners)
        parts.append(f"{len(files):,} of {owned} ({origin})" if files else f"none of {owned}")
    if not any(files for files, _ in names):
        return "none"
    return ", ".join(parts)
