"""Choice, by content, of the training images that are held out for sheets and evaluation."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from crossimage.config import Layout
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.labelled import LabelledDomain
from crossimage.data.sources.leaks import digest_of
from crossimage.data.stores.addresses import LostStoreError
from crossimage.utils.reading import open_data

MOST_HELD_OUT = 50
"""Images of a domain or class that are held out at most."""

_MOST_OF_TABLES = 2000  # images with attributes; as many as in the official StarGAN

Row = tuple[Path, ...]
"""Files that belong together, such as those of a pair."""

D = TypeVar("D", bound=Domain)
_Reference = tuple[tuple[int, int], ...]
"""Domain and index of each file of a row."""

HELD_OUT_OF = "held out of "
"""How the origin of images that are held out begins."""

_PART = 16 * 1024  # bytes at the start and the end of a file that usually identify it
_THREADS = 16


def hold_out(layout: Layout, domains: Sequence[D], share: float) -> tuple[D, ...]:
    """Turn a share of the training images into test images, if there are none.

    Pairs, drawings and their photos, and both halves of a file stay together. Of images in classes,
    the share is held out of each class. Images to learn to generate from are all for training.

    Args:
        layout: How the images belong together.
        domains: The domains, in the order of their pairs if they are pairs.
        share: The share of each domain or class; at most 50 images of each, and 2000 of a table of
            attributes.

    Returns:
        The domains; unchanged where there are test images, or too few images.
    """
    if not share or layout == "single" or (layout not in _SETS and any(d.test for d in domains)):
        return tuple(domains)
    references = _groups(layout, domains)
    groups = [[_files(domains, row) for row in rows] for rows in references]
    tables = [not _has_classes(domains[rows[0][0][0]]) for rows in references if rows]
    most = _MOST_OF_TABLES if layout in _SETS and all(tables) else MOST_HELD_OUT
    held: dict[int, set[int]] = defaultdict(set)
    chosen = choose_held_out(groups, share, most)
    for rows, indices in zip(references, chosen, strict=True):
        for number, index in (place for row in indices for place in rows[row]):
            held[number].add(index)
    return tuple(
        replace(domain.holding_out(held[number]), test_from=f"{HELD_OUT_OF}{domain.train_from}")
        if held[number]
        else domain
        for number, domain in enumerate(domains)
    )


def describe_held_out(before: Sequence[Domain], after: Sequence[Domain], share: float) -> list[str]:
    """Return a sentence on which images are held out; nothing if there was no choice.

    Args:
        before: The domains as they were found.
        after: The same domains, with some images held out.
        share: The share of each.
    """
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if not old.test]
    some = len(pairs) < len(before) and not isinstance(before[0], LabelledDomain)
    if not share or not pairs or some:
        return []
    counts = {new.name: (len(new.test), len(old.train)) for old, new in pairs}
    if not any(held for held, _ in counts.values()):
        fewest = round(1 / share + 0.5 - 1e-9)
        if max(total for _, total in counts.values()) >= fewest:
            return [
                "no images are held out for testing, since they are copies of each other, or of "
                "images of another domain"
            ]
        return [f"no images are held out for testing, since there are fewer than {fewest}"]
    parts = [f"{held:,} of {total:,} images of {name}" for name, (held, total) in counts.items()]
    return [
        f"held out for sheets and evaluation, chosen by content: {', '.join(parts)} (holdout=0 "
        "trains on all images)"
    ]


def choose_held_out(
    groups: Sequence[Sequence[Row]], share: float, most: int = MOST_HELD_OUT
) -> list[frozenset[int]]:
    """Choose which images, or pairs, of each group are held out.

    Of every group, such as a domain or a class, the given share is chosen, rounded down: those with
    the smallest hashes of their contents. So the choice depends neither on names nor on order, and
    images that are added later leave it almost as it was. Rows that share a file of the same
    content, be it a copy under another name, stay together, and those whose copies are in several
    groups are never held out: no copy of a held-out image is left for training.

    Args:
        groups: The rows of each group; the files of a row are held out together.
        share: Share of each group, in [0, 1).
        most: Rows of a group that are held out at most.

    Returns:
        The indices of the rows that are held out, for each group.
    """
    wanted = [min(most, int(share * len(rows) + 1e-9)) for rows in groups]
    if not any(wanted):
        return [frozenset() for _ in groups]
    contents = _contents({path for rows in groups for row in rows for path in row})
    copies: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for number, rows in enumerate(groups):
        for index, row in enumerate(rows):
            for path in row:
                copies[contents[path]].append((number, index))
    seen: set[tuple[int, int]] = set()
    clusters: list[list[tuple[bytes, list[int]]]] = [[] for _ in groups]
    for number, rows in enumerate(groups):
        for index in range(len(rows)):
            if (number, index) in seen:
                continue
            members, known = _connected((number, index), groups, contents, copies)
            seen |= members
            if {group for group, _ in members} == {number} and b"" not in known:
                clusters[number].append((min(known), sorted(row for _, row in members)))
    return [
        _take(sorted(own), count, len(rows))
        for own, count, rows in zip(clusters, wanted, groups, strict=True)
    ]


def _connected(
    start: tuple[int, int],
    groups: Sequence[Sequence[Row]],
    contents: dict[Path, bytes],
    copies: dict[bytes, list[tuple[int, int]]],
) -> tuple[set[tuple[int, int]], set[bytes]]:
    """Return the rows, by group and index, that share contents with a row, and all contents."""
    members, known, waiting = {start}, set[bytes](), [start]
    while waiting:
        group, index = waiting.pop()
        for path in groups[group][index]:
            content = contents[path]
            if content and content not in known:
                new = {*copies[content]} - members
                members |= new
                waiting += new
            known.add(content)
    return members, known


def _take(clusters: Iterable[tuple[bytes, list[int]]], count: int, total: int) -> frozenset[int]:
    """Return the rows of the first clusters that fit, or else of the smallest one."""
    chosen: set[int] = set()
    for _, rows in clusters:
        if len(chosen) + len(rows) <= count:
            chosen.update(rows)
    if count and not chosen:
        smallest = min((rows for _, rows in clusters), key=len, default=[])
        chosen.update(smallest if 2 * len(smallest) <= total else ())
    return frozenset(chosen)


def _contents(paths: Iterable[Path]) -> dict[Path, bytes]:
    """Return a hash of the content of every file; empty for files that cannot be read.

    It begins with a hash of the file's size, start and end, followed by that of the whole file
    where several files agree in the former.
    """
    files = sorted(paths)
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = dict(zip(files, pool.map(_hash_of_ends, files), strict=True))
        counts = Counter(parts.values())
        alike = [path for path in files if parts[path] and counts[parts[path]] > 1]
        wholes = dict(zip(alike, pool.map(digest_of, alike), strict=True))
    return {path: part + (wholes.get(path) or b"") for path, part in parts.items()}


def _hash_of_ends(path: Path) -> bytes:
    try:
        with open_data(path) as file:
            size = path.stat().st_size
            start = file.read(_PART)
            file.seek(max(len(start), size - _PART))
            return hashlib.blake2b(b"%d " % size + start + file.read(), digest_size=16).digest()
    except LostStoreError:
        raise
    except OSError:
        return b""


_SETS: tuple[Layout, ...] = ("labelled", "classes")
"""Layouts whose domains are data sets, each with test images of its own."""


def _groups(layout: Layout, domains: Sequence[Domain]) -> list[list[_Reference]]:
    """Return the groups; the same share of each is held out."""
    if layout in ("paired", "super_resolution") or domains[0].half is not None:
        every = range(len(domains))
        rows = range(len(domains[0].train))
        return [[tuple((number, row) for number in every) for row in rows]]
    groups: dict[object, list[_Reference]] = defaultdict(list)
    for number, domain in enumerate(domains):
        if layout == "class_pairs":
            if number % 2 == 0:  # its drawings; their photos follow
                for row, index in enumerate(domain.class_indices):
                    groups[index].append(((number, row), (number + 1, row)))
        elif not domain.test:
            labels: Sequence[object] = domain.values if isinstance(domain, LabelledDomain) else ()
            for row in range(len(domain.train)):
                label = labels[row] if _has_classes(domain) else None
                groups[number, label].append(((number, row),))
    return [*groups.values()]


def _has_classes(domain: Domain) -> bool:
    return isinstance(domain, LabelledDomain) and domain.label_set.categorical


def _files(domains: Sequence[Domain], row: _Reference) -> Row:
    return tuple(dict.fromkeys(domains[number].train[index] for number, index in row))
