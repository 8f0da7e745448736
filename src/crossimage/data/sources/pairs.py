"""Pairs: images of several domains that belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.data.sources.find import same_name
from crossimage.data.sources.folders import SPLITS, Domain, Split


def align(domains: Sequence[Domain]) -> tuple[Domain, ...]:
    """Bring the images of all domains into the same order, that of the pairs.

    Images in folders belong together if they have the same path below their folders, regardless of
    the suffix and the Unicode form; entries of list files if they have the same position; halves if
    they are of the same file.

    Returns:
        The domains; their n-th images are a pair.

    Raises:
        ValueError: An image has no partner, or several have the same name.
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
    """Return a sentence for every image without a partner; see :func:`align`."""
    if domains[0].lines:
        return _unequal_lists(domains)
    problems = []
    for split in SPLITS:
        by_name: list[dict[str, Path]] = []
        for domain in domains:
            by_name.append({})
            for name, path in _named(domain, split):
                other = by_name[-1].setdefault(name, path)
                if other != path:
                    problems.append(
                        f"{other} and {path} have the same name; images are paired by their names "
                        "without suffix, so rename or remove one of them"
                    )
        for mine in by_name:
            for name, path in mine.items():
                problems += [
                    f"{path} has no partner: {domain.root(split)} holds no image named {name}; "
                    "add it or remove the other"
                    for domain, theirs in zip(domains, by_name, strict=True)
                    if name not in theirs
                ]
    return problems


def _in_order_of(first: Domain, domain: Domain, split: Split) -> tuple[Path, ...]:
    by_name = dict(_named(domain, split))
    return tuple(by_name[name] for name, _ in _named(first, split))


def _named(domain: Domain, split: Split) -> Iterator[tuple[str, Path]]:
    """Yield the images of a domain with the names that their partners share."""
    files, root = domain.files(split), domain.root(split)
    if domain.lines:
        in_order = sorted(zip(domain.lines, files, strict=False))
        yield from ((str(position), path) for position, (_, path) in enumerate(in_order))
        return
    for path in files:
        name = path.relative_to(root)
        name = name if domain.half is not None else name.with_suffix("")
        yield same_name(name.as_posix()), path


def _unequal_lists(domains: Sequence[Domain]) -> list[str]:
    short, *_, long = sorted(domains, key=lambda domain: len(domain.lines))
    if len(short.lines) == len(long.lines):
        return []
    first = sorted(long.lines)[len(short.lines)]
    return [
        f"{long.train_root} lists {len(long.lines)} images and {short.train_root} "
        f"{len(short.lines)}; the images of a pair must have the same position in both lists, and "
        f"{long.train_root}, line {first} is the first without a partner"
    ]
