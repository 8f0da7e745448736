"""Find the images in tar shards, and report what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from crossimage.data.images.formats import EXPECTED
from crossimage.data.left_out import LeftOut, describe
from crossimage.data.shards.index import LINK, Index, read_index
from crossimage.data.shards.member import ByteSource, Member
from crossimage.data.shards.names import expand_shards, shown_shards
from crossimage.data.sources.find import why_left_out
from crossimage.data.stores.addresses import explaining, shown

_THREADS = 8  # that read the indexes of tar files in stores


class FoundMembers(NamedTuple):
    """The images in tar shards.

    Attributes:
        images: The images, sorted by their paths in the shards, whichever shard they are in.
        left_out: All other members.
        shards: The tar files.
        top: The folder in the shards that holds all images, with ``/``; empty if none does.
    """

    images: tuple[Member, ...]
    left_out: tuple[LeftOut, ...]
    shards: tuple[Path, ...]
    top: str

    def below_top(self, path: Member) -> str:
        """Return an image's path below the folder that holds all images."""
        return path.inside[len(self.top) + 1 if self.top else 0 :]


def find_members(given: Iterable[str | Path | ByteSource]) -> FoundMembers:
    """Find the images in tar files.

    They are recognised as in folders. The order depends on the names of the members alone, so
    that the images of a folder have the same order in shards, however they are divided.

    Args:
        given: The tar files, ranges and patterns (see :func:`expand_shards`), or where they are.

    Raises:
        FileNotFoundError: A tar file is missing.
        ValueError: One is compressed, damaged or cut short, or they hold no images.
    """
    places: list[Path | ByteSource] = []
    names: list[str | Path] = []
    for one in given:
        names += [one] if isinstance(one, str | Path) else []
        places += [] if isinstance(one, str | Path) else [one]
    places += expand_shards(names)
    shards = [one if isinstance(one, Path) else Path(one.path) for one in places]
    images: list[tuple[str, int, Member]] = []
    left_out: list[LeftOut] = []
    for number, (shard, index) in enumerate(zip(shards, _indexes(places), strict=True)):
        left_out += [
            LeftOut(entry.reason, shard.name, f"{shown(shard)}/{entry.name}#{at}")
            for at, entry in enumerate(index.not_used)
        ]
        for path in index.members:
            if reason := why_left_out(path):
                left_out.append(reason)
            else:
                images.append((path.inside, number, path))
    if not images:
        holds = describe(left_out) or "no files at all"
        links = any(entry.reason == LINK for entry in left_out)
        advice = "; make the tar file with `tar --dereference`, which stores what links lead to"
        raise ValueError(
            f"{shown_shards(shards)}: there is no image ({holds}); expected {EXPECTED}"
            f"{advice if links else ''}"
        )
    images.sort(key=lambda entry: entry[:2])
    top = _shared_folder([name for name, _, _ in images])
    return FoundMembers(tuple(path for *_, path in images), tuple(left_out), tuple(shards), top)


def _indexes(places: Sequence[Path | ByteSource]) -> Iterator[Index]:
    """Yield the index of each tar file; several of a store are read at a time."""
    if all(isinstance(place, Path) for place in places):
        yield from map(read_index, places)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(_stored_index, places)


def _stored_index(place: Path | ByteSource) -> Index:
    with explaining(str(place if isinstance(place, Path) else place.path)):
        return read_index(place)


def _shared_folder(names: list[str]) -> str:
    """Return the folder that holds all of some sorted names."""
    first, last = (name.split("/")[:-1] for name in (names[0], names[-1]))
    shared = []
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        shared.append(one)
    return "/".join(shared)
