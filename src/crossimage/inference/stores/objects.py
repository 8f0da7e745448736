"""Objects of a store as images that are read when their turn comes."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, NamedTuple

from crossimage.data.shards.find import find_members
from crossimage.data.shards.index import is_shard
from crossimage.data.shards.member import Member, member
from crossimage.data.sources.find import LeftOut, judge
from crossimage.inference.stores.addresses import connect, told

_KEPT = 64 * 2**20  # bytes of objects that were read last
_TOKENS = ("ETag", "etag", "generation", "md5Hash", "LastModified", "mtime", "updated", "created")
_MAGIC = "*?["


class StoredFile(NamedTuple):
    """An object of a store.

    Attributes:
        path: Its address.
        size: Its bytes.
        modified: A number that differs if it was changed or replaced since; see :func:`version_of`.
    """

    path: str
    size: int
    modified: int

    def part(self, start: int, size: int) -> IO[bytes]:
        """Open some of its bytes, which are read at once.

        Raises:
            OSError: They can't be read.
        """
        return io.BytesIO(_last_read.get(self, start, size))

    def open(self) -> IO[bytes]:
        """Open the object, read in blocks.

        Raises:
            OSError: It can't be read.
        """
        system, path = connect(self.path)
        with told(self.path):
            file: IO[bytes] = system.open(path, "rb")
        return file

    def state(self) -> tuple[int, int]:
        """Return its bytes and version, as when it was found."""
        return self.size, self.modified


class FoundObjects(NamedTuple):
    """The images in a store.

    Attributes:
        images: The images, sorted, each with its folder below the address, with ``/``.
        left_out: All other objects.
    """

    images: list[tuple[Member, str]]
    left_out: list[LeftOut]


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
    with told(address):
        pattern = any(sign in root for sign in _MAGIC)
        if pattern:
            found = system.glob(root, detail=True)
            start = root[: min(root.find(sign) for sign in _MAGIC if sign in root)]
            base = start.rpartition("/")[0]
        else:
            found, base = system.find(root, detail=True), root
    files = {name: info for name, info in found.items() if info.get("type") == "file"}
    if not files:
        raise FileNotFoundError(f"{address}: there is no object of that name, and none below it")
    images: list[tuple[Member, str]] = []
    left_out: list[LeftOut] = []
    for name, info in sorted(files.items()):
        below = name[len(base) :].strip("/")
        place = f"{scheme}://{name.lstrip('/')}"
        stored = StoredFile(place, int(info["size"] or 0), version_of(info))
        if is_shard(name) and (pattern or name == root):
            members = find_members([stored])
            left_out += members.left_out
            images += [
                (image, members.below_top(image).rpartition("/")[0]) for image in members.images
            ]
            continue
        path = member(stored, "", 0, stored.size)
        if reason := judge(path, below):
            left_out.append(reason)
        else:
            images.append((path, below.rpartition("/")[0]))
    return FoundObjects(images, left_out)


def version_of(info: Mapping[str, Any]) -> int:
    """Return a number that differs between versions of an object; 0 if nothing is known."""
    known = next((str(info[name]) for name in _TOKENS if info.get(name)), "")
    digest = blake2b(known.encode(), digest_size=6).digest()
    return int.from_bytes(digest, "little") if known else 0


class _LastRead:
    """The bytes that were read last, since an image is hashed, decoded and looked at in turn."""

    def __init__(self) -> None:
        self._lock, self._bytes = threading.Lock(), 0
        self._parts: OrderedDict[tuple[StoredFile, int, int], bytes] = OrderedDict()

    def get(self, file: StoredFile, start: int, size: int) -> bytes:
        key = file, start, size
        with self._lock:
            if key in self._parts:
                self._parts.move_to_end(key)
                return self._parts[key]
        system, path = connect(file.path)
        with told(file.path):
            data: bytes = system.cat_file(path, start=start, end=start + size) if size else b""
        if len(data) != size:
            raise OSError(f"{file.path} has changed since it was found; start again")
        with self._lock:
            if size <= _KEPT // 4 and key not in self._parts:
                self._parts[key] = data
                self._bytes += size
            while self._bytes > _KEPT:
                self._bytes -= len(self._parts.popitem(last=False)[1])
        return data


_last_read = _LastRead()


def is_in(path: str | Path, address: str) -> bool:
    """Return whether an object or an address is below an address."""
    return str(path).startswith(f"{address}/")
