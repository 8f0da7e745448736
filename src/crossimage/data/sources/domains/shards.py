"""Domains in the same tar shards: pairs by the names of members, or side by side in one image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from crossimage.config import DataRules
from crossimage.data.shards.find import find_members
from crossimage.data.shards.member import Member
from crossimage.data.shards.names import shown_shards
from crossimage.data.sources.domains.names import ChosenDomain, choose_names
from crossimage.data.sources.folders import Domain, from_shards
from crossimage.data.sources.side_by_side import check_side_by_side

_HALVES = ("the left half", "the right half")
_EXPECTED = (
    "expected one set of tar files per domain, as a=a-{000..099}.tar,b=b-{000..099}.tar, or "
    "members that are called KEY.a.png and KEY.b.png"
)


def in_shards(
    given: str, names: Sequence[str], paired: bool, flexible: bool
) -> tuple[tuple[Domain, ...], list[ChosenDomain]]:
    """Return the domains in one set of tar files.

    Members such as ``0001.edges.png`` and ``0001.shoes.png`` are of the domains ``edges`` and
    ``shoes``. Images without such a part are side-by-side pairs.

    Args:
        given: A tar file, a range or a pattern.
        names: Names of the domains, in order.
        paired: Whether the images of the domains belong together.
        flexible: Whether the names are only suggestions.

    Returns:
        The domains, and the names that they have in the shards and from now on.

    Raises:
        ValueError: The images are of one domain, or their parts have other names.
    """
    found = find_members([given])
    images: dict[str, list[Member]] = defaultdict(list)
    for image in found.images:
        images[_part_of(image)].append(image)
    if "" not in images:
        parts = sorted(images)
        advice = "; name the members accordingly, or choose others with domains="
        place = shown_shards(found.shards)
        chosen = choose_names(parts, names, place, advice, flexible=flexible)
        first, *rest = (from_shards(n, found, images[n], part=n) for n, _ in chosen)
        # what is left out counts once
        return (first, *(replace(domain, left_out=()) for domain in rest)), chosen
    if any(images) and len(images) > 1:
        some = next(part for part in images if part)
        raise ValueError(
            f"{images[some][0]} and {images[''][0]} are named differently, with and without a "
            f"part before the type; {_EXPECTED}"
        )
    return halves_of(from_shards("", found, found.images), paired, _EXPECTED), []


def halves_of(
    images: Domain, paired: bool, expected: str, rules: DataRules = 3
) -> tuple[Domain, ...]:
    """Return the domains a and b whose images are the halves of files.

    Args:
        images: The files.
        paired: As for :func:`~crossimage.data.sources.side_by_side.check_side_by_side`.
        expected: What else is expected, for error messages.
        rules: The rules by which files are read.

    Raises:
        ValueError: The files are no pairs.
    """
    aspect = check_side_by_side(images.train, images.test, paired, expected, rules)
    images = replace(images, aspect=round(aspect, 4))
    return tuple(
        replace(images, name=name, half=half, called=_HALVES[half])
        for half, name in enumerate("ab")
    )


def _part_of(image: Member) -> str:
    """Return the part of a member's name between its key, up to the first dot, and its type."""
    _, _, rest = image.name.partition(".")
    return rest.rpartition(".")[0]
