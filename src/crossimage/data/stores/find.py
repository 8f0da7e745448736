"""Find the images in a store."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from crossimage.data.left_out import LeftOut
from crossimage.data.shards.find import find_members
from crossimage.data.shards.index import is_shard
from crossimage.data.shards.member import Member, member
from crossimage.data.sources.find import why_left_out
from crossimage.data.stores.addresses import connect, explaining
from crossimage.data.stores.objects import MAGIC, StoredFile, version_of


class FoundObjects(NamedTuple):
    """The images in a store.

    Attributes:
        images: The images, sorted, each with its folder below the address, with ``/``.
        left_out: All other objects.
        folder: The address of the folder that holds all.
    """

    images: list[tuple[Member, str]]
    left_out: list[LeftOut]
    folder: str


def find_objects(address: str) -> FoundObjects:
    """Find the images that an address names.

    Args:
        address: An object, the start of the names of objects up to a ``/``, a pattern, or a tar
            file, also as ``s3://bucket/a-*.tar``.

    Raises:
        FileNotFoundError: There is nothing of that name.
        ValueError: The package for such addresses is missing.
        OSError: The store can't be used.
    """
    system, root = connect(address)
    scheme = address.partition("://")[0]
    with explaining(address):
        system.invalidate_cache()
        pattern = any(sign in root for sign in MAGIC)
        if pattern:
            found = system.glob(root, detail=True)
            start = root[: min(root.find(sign) for sign in MAGIC if sign in root)]
            base = start.rpartition("/")[0]
        else:
            found, base = system.find(root, detail=True), root
    files = {name: info for name, info in found.items() if info.get("type") == "file"}
    if not files:
        raise FileNotFoundError(f"{address}: there is no object of that name, and none below it")
    images: list[tuple[Member, str]] = []
    left_out: list[LeftOut] = []
    folder = f"{scheme}://{base.lstrip('/')}"
    for name, info in sorted(files.items()):
        below = name[len(base) :].strip("/")
        stored = StoredFile(folder, int(info["size"] or 0), version_of(info), below)
        if is_shard(name) and (pattern or name == root):
            members = find_members([stored._replace(path=stored.address, name="")])
            left_out += members.left_out
            images += [
                (image, members.below_top(image).rpartition("/")[0]) for image in members.images
            ]
            continue
        path = member(stored, below, 0, stored.size)
        if reason := why_left_out(path, below):
            left_out.append(reason)
        else:
            images.append((path, below.rpartition("/")[0]))
    return FoundObjects(images, left_out, folder)


def is_in(path: str | Path, address: str) -> bool:
    """Return whether an object or an address is below an address."""
    return str(path).startswith(f"{address}/")
