"""The colours of a data set's domains, and their images that look the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crossimage.data.images.class_ids import names_classes
from crossimage.data.near_duplicates import families, find_near_duplicates
from crossimage.data.sources.folders import SPLITS, Domain, Split
from crossimage.doctor.appearance import Appearance, Appearances, Tone, mean_tone, numbers_of


@dataclass(frozen=True)
class Colours:
    """The colours of the images of a domain.

    Attributes:
        domain: The domain's name.
        split: ``train`` or ``test``.
        tone: Their mean.
        numbers: The class numbers that its label maps hold; empty if it holds none.
    """

    domain: str
    split: Split
    tone: Tone
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class NearDuplicatePair:
    """Two images of a domain that look the same.

    Attributes:
        domain: The domain's name.
        first: One of them.
        second: The other.
        splits: The splits that they are in; the first one's first.
    """

    domain: str
    first: Path
    second: Path
    splits: tuple[Split, Split]


def find_colours(domain: Domain, appearances: Appearances) -> list[Colours]:
    """Return the colours of a domain's images, for each split that has some."""
    part, found = 0 if domain.half is None else 1 + domain.half, []
    for split in SPLITS:
        known = [appearances[path] for path in domain.files(split) if path in appearances]
        if known:
            numbers = () if part else tuple(sorted(_class_numbers(known)))
            tone = mean_tone([each.tones[part] for each in known])
            found.append(Colours(domain.name, split, tone, numbers))
    return found


def _class_numbers(known: Sequence[Appearance]) -> set[int]:
    numbers = numbers_of(known)
    return numbers if names_classes(numbers) else set()


def find_alike(
    domain: Domain, appearances: Appearances
) -> tuple[list[NearDuplicatePair], Counter[Split]]:
    """Find images of a domain that look the same.

    Returns:
        The pairs, and by split the number of images that look like an earlier one of it.
    """
    entries = [(p, split) for split in SPLITS for p in domain.files(split) if p in appearances]
    alike = find_near_duplicates([appearances[path].fingerprint for path, _ in entries])
    pairs, copies = [], Counter[Split]()
    for pair in alike:
        (first, split), (second, other) = entries[pair.first], entries[pair.second]
        if first != second:
            pairs.append(NearDuplicatePair(domain.name, first, second, (split, other)))
    for group in families(len(entries), [(pair.first, pair.second) for pair in alike]):
        for split in SPLITS:
            inside = len({entries[i][0] for i in group if entries[i][1] == split})
            if inside > 1:
                copies[split] += inside - 1
    return pairs, copies
