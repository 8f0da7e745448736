"""Which images of the domains belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.data.sources.folders import SPLITS, Domain, Split


def align(domains: Sequence[Domain]) -> tuple[Domain, ...]:
    """Bring the images of all domains into the order of the pairs.

    Images of folders belong together that have the same name below their folders, whatever their
    suffixes; entries of list files that stand in the same place; halves of the same picture.

    Returns:
        The domains, whose images of one place are a pair.

    Raises:
        ValueError: An image has no partner, or several have one name.
    """
    problems = unmatched(domains)
    if problems:
        more = f"; there are {len(problems)} such images in all" if len(problems) > 1 else ""
        raise ValueError(f"{problems[0]}{more}")
    aligned = []
    for domain in domains:
        train, test = (_in_order_of(domains[0], domain, split) for split in SPLITS)
        lines = tuple(sorted(domain.lines))
        aligned.append(replace(domain, train=train, test=test, lines=lines))
    return tuple(aligned)


def unmatched(domains: Sequence[Domain]) -> list[str]:
    """A sentence for every image that belongs to no pair; see :func:`align`."""
    if domains[0].lines:
        return _unequal_lists(domains)
    problems = []
    for split in SPLITS:
        found: list[dict[str, Path]] = []
        for domain in domains:
            found.append({})
            for name, path in _named(domain, split):
                other = found[-1].setdefault(name, path)
                if other != path:
                    problems.append(
                        f"{other} and {path} have one name; the images of a pair are found by "
                        "their names without suffix, so rename or remove one of them"
                    )
        for mine in found:
            for name, path in mine.items():
                problems += [
                    f"{path} has no partner: {domain.root(split)} holds no image named {name}; "
                    "add it or remove the other"
                    for domain, theirs in zip(domains, found, strict=True)
                    if name not in theirs
                ]
    return problems


def _in_order_of(first: Domain, domain: Domain, split: Split) -> tuple[Path, ...]:
    found = dict(_named(domain, split))
    return tuple(found[name] for name, _ in _named(first, split))


def _named(domain: Domain, split: Split) -> Iterator[tuple[str, Path]]:
    """The images of a domain under the names that their partners have too."""
    files, root = domain.files(split), domain.root(split)
    if domain.lines:
        in_order = sorted(zip(domain.lines, files, strict=False))
        yield from ((str(place), path) for place, (_, path) in enumerate(in_order))
        return
    for path in files:
        name = path.relative_to(root)
        yield (name if domain.half is not None else name.with_suffix("")).as_posix(), path


def _unequal_lists(domains: Sequence[Domain]) -> list[str]:
    short, *_, long = sorted(domains, key=lambda domain: len(domain.lines))
    if len(short.lines) == len(long.lines):
        return []
    first = sorted(long.lines)[len(short.lines)]
    return [
        f"{long.train_root} lists {len(long.lines)} images and {short.train_root} "
        f"{len(short.lines)}; the images of a pair must stand in the same place of both lists, and "
        f"{long.train_root}, line {first} is the first without a partner"
    ]
