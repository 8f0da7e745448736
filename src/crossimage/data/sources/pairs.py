"""Pairs: images of several domains that belong together."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.images.pixels import ImageError
from crossimage.data.sources.domains.data_set import DataSet, as_text
from crossimage.data.sources.find import same_name, shared_name
from crossimage.data.sources.folders import GIVEN_ONE_BY_ONE, SPLITS, Domain, Split


def align(domains: Sequence[Domain], rules: DataRules = 3, advice: str = "") -> tuple[Domain, ...]:
    """Bring the images of all domains into the same order, that of the pairs.

    Images in folders belong together if they have the same path below their folders, regardless of
    the suffix, of the Unicode form, and of upper and lower case if that is unambiguous; entries of
    list files if they are on the same line, unless equal names in another order contradict it;
    halves if they come from the same file. Test images need no partners if the other domains have
    no test images at all.

    Args:
        domains: The domains.
        rules: The rules by which files are found; 1: entries of list files belong together by
            their position, regardless of comments.
        advice: What the error about images without partners ends with.

    Returns:
        The domains; their n-th images form a pair.

    Raises:
        ValueError: An image has no partner, or several have the same name.
    """
    problems = unmatched(domains, rules)
    if problems:
        more = f"; there are {len(problems)} such images in all" if len(problems) > 1 else ""
        raise ValueError(f"{problems[0]}{more}{advice}")
    ordered = {split: _in_order(domains, split) for split in SPLITS}
    return tuple(
        replace(domain, train=train, test=test, lines=tuple(sorted(domain.lines)))
        for domain, train, test in zip(domains, ordered["train"], ordered["test"], strict=True)
    )


def unmatched(domains: Sequence[Domain], rules: DataRules) -> list[str]:
    """Return a sentence for every image without a partner; see :func:`align`."""
    if domains[0].lines:
        if rules == 1:
            return _unequal_lists(domains)
        return _unequal_lines(domains) or (_other_order(domains) if rules == 3 else [])
    problems = []
    for split in SPLITS:
        by_name: list[dict[str, Path]] = []
        for domain, names in zip(domains, _names(domains, split), strict=True):
            by_name.append({})
            for name, path in zip(names, domain.files(split), strict=True):
                other = by_name[-1].setdefault(name, path)
                if other != path:
                    problems.append(
                        f"{other} and {path} have the same name; images are paired by their names "
                        "without suffix, so rename or remove one of them"
                    )
        if split == "test" and not all(by_name):
            continue
        for own, mine in zip(domains, by_name, strict=True):
            for name, path in mine.items():
                problems += [
                    f"{path} has no partner: {domain.root(split)} holds no image named "
                    f"{_shared_part(own, path, split)}; add it or remove the other"
                    for domain, theirs in zip(domains, by_name, strict=True)
                    if name not in theirs
                ]
    return problems


def advise_unpaired(data: DataSet) -> str:
    """Return how to train on images that are not pairs, for the end of an error.

    Args:
        data: The data set.
    """
    command = f"crossimage train munit/photos_small --data {shlex.quote(as_text(data))}"
    return (
        f"; if these are not pairs, `{command}` learns without them, and so do "
        "cyclegan/photos_small and cut"
    )


def matched_by(domains: Sequence[Domain]) -> str:
    """Return how images are paired: as halves of a file, by line or by name."""
    if domains[0].half is not None:
        return "as the left and the right half of a file"
    return "by their line in the lists" if domains[0].lines else "by name"


def check_sizes(pair: Sequence[tuple[tuple[int, int], Path]]) -> None:
    """Check that the images of a pair have the same width and height.

    Args:
        pair: Width, height and path of each image.

    Raises:
        ImageError: Their sizes differ.
    """
    (size, first), *others = pair
    for other, path in others:
        if other != size:
            raise ImageError(
                f"{first} is {size[0]} x {size[1]} and {path} is {other[0]} x {other[1]}; expected "
                "images of the same size in a pair"
            )


def _in_order(domains: Sequence[Domain], split: Split) -> list[tuple[Path, ...]]:
    """Return the images of every domain in the order of the first one that has any."""
    files = [domain.files(split) for domain in domains]
    named = [
        dict(zip(names, paths, strict=True))
        for names, paths in zip(_names(domains, split), files, strict=True)
    ]
    order = list(next((known for known in named if known), {}))
    if domains[0].lines:
        order.sort(key=int)
    return [tuple(known[name] for name in order) if known else () for known in named]


def _names(domains: Sequence[Domain], split: Split) -> list[list[str]]:
    """Return the names of every domain's images, which their partners share."""
    names = [_own_names(domain, split) for domain in domains]
    folded = [[name.casefold() for name in own] for own in names]
    # "a" and "A" are one name unless a folder holds both
    distinct = all(len({*own}) == len({*low}) for own, low in zip(names, folded, strict=True))
    return folded if distinct else names


def _own_names(domain: Domain, split: Split) -> list[str]:
    files = domain.files(split)
    if domain.lines and split == "train":
        position = {line: str(number) for number, line in enumerate(sorted(domain.lines))}
        return [position[line] for line in domain.lines]
    return [_shared_part(domain, path, split) for path in files]


def _shared_part(domain: Domain, path: Path, split: Split) -> str:
    """Return the part of an image's path that its partners share."""
    name = domain.below_root(path, split)
    shared = same_name(name.as_posix()) if domain.half is not None else shared_name(name)
    return shared.removesuffix(f".{domain.part}") if domain.part else shared


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


def _unequal_lines(domains: Sequence[Domain]) -> list[str]:
    first, *others = domains
    problems = []
    for other in others:
        alone = sorted({*first.lines} ^ {*other.lines})
        if not alone:
            continue
        here, there = (first, other) if alone[0] in first.lines else (other, first)
        several = f"; {len(alone)} lines differ in this way" if len(alone) > 1 else ""
        problems.append(
            f"{here.train_root}, line {alone[0]} names an image and {there.train_root}, line "
            f"{alone[0]} does not; images on the same line are a pair, so make both lines images, "
            f"comments or empty{several}"
        )
    return problems


def _other_order(domains: Sequence[Domain]) -> list[str]:
    """Return a sentence for every image that is in another place than the one of its name.

    Lists of the same names in different orders come from listings of folders, whose order no system
    guarantees. Names say nothing if one is twice in a list, or a list holds images of another.
    """
    places = [
        dict(zip((shared_name(Path(path.name)) for path in own.train), own.lines, strict=True))
        for own in domains
    ]
    first, *others = places
    files = {path for domain in domains for path in domain.train}
    unique = all(len(own) == len(domain.train) for own, domain in zip(places, domains, strict=True))
    alike = all(own.keys() == first.keys() for own in others)
    if not (unique and alike and len(files) == len(places) * len(first)):
        return []
    unit = "place" if domains[0].train_from == GIVEN_ONE_BY_ONE else "line"
    return [
        f"{name} is in {unit} {line} of {domains[0].name} and in {unit} {own[name]} of "
        f"{domain.name}; images in the same {unit} are a pair, so list both domains in the same "
        "order, such as sorted by name"
        for domain, own in zip(domains[1:], others, strict=True)
        for name, line in sorted(first.items(), key=lambda item: item[1])
        if own[name] != line
    ]
