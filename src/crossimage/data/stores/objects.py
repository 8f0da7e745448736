"""Objects of a store as images and tar files that are read when their turn comes."""

from __future__ import annotations

import io
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import blake2b
from typing import IO, Any, NamedTuple

from crossimage.data.stores.addresses import LostStoreError, StoreError, connect, explaining

MAGIC = "*?["
"""Signs of patterns."""

_BLOCK = 8 * 2**20  # bytes at a time of what is read from start to end
_KEPT = 64 * 2**20  # bytes of objects that were read last
_PAUSES = (1, 4)  # seconds before a read that failed is tried again
_THREADS = 16
_TOKENS = (
    "ETag", "etag", "generation", "md5Hash", "Content-MD5", "Digest", "LastModified",
    "Last-Modified", "mtime", "updated", "created",
)  # fmt: skip


class StoredFile(NamedTuple):
    """An object of a store.

    Attributes:
        path: Its address, or that of a folder that holds it.
        size: Its bytes.
        modified: A number that differs if it was changed or replaced since; see :func:`version_of`.
        name: Its path in the folder, with ``/``; empty if the address is its own.
    """

    path: str
    size: int
    modified: int
    name: str = ""

    @property
    def address(self) -> str:
        """Its own address."""
        return f"{self.path}/{self.name}" if self.name else self.path

    def part(self, start: int, size: int) -> IO[bytes]:
        """Open some of its bytes, which are read at once.

        Raises:
            OSError: They can't be read.
        """
        return io.BytesIO(_last_read.get(self, start, size))

    def open(self) -> IO[bytes]:
        """Open the object, to be read in blocks; errors of reading are those of its store.

        Raises:
            OSError: It can't be read.
        """
        system, path = connect(self.address)
        with explaining(self.address):
            file: IO[bytes] = system.open(path, "rb", block_size=_BLOCK)
        return file

    def state(self) -> tuple[int, int]:
        """Return its bytes and version, as when it was found."""
        return self.size, self.modified


def version_of(info: Mapping[str, Any]) -> int:
    """Return a number that differs between versions of an object; 0 if nothing is known."""
    known = next((str(info[name]) for name in _TOKENS if info.get(name)), "")
    digest = blake2b(known.encode(), digest_size=6).digest()
    return int.from_bytes(digest, "little") if known else 0


def stored_files(addresses: Sequence[str]) -> Iterator[list[StoredFile]]:
    """Find objects.

    Args:
        addresses: Addresses of objects of one store, or patterns.

    Yields:
        The objects of each address; none if there are none.

    Raises:
        ValueError: The package for such addresses is missing.
        OSError: The store can't be used, or can't send parts of objects.
    """
    system, first = connect(addresses[0])
    scheme = addresses[0].partition("://")[0]
    system.invalidate_cache()
    if len(addresses) > 1 and not scheme.startswith("http"):
        for parent in {connect(address)[1].rpartition("/")[0] for address in addresses}:
            with suppress(FileNotFoundError), explaining(addresses[0]):
                system.ls(parent)  # all at once: each is then looked up in this list

    def look_up(address: str) -> list[StoredFile]:
        found = _with_facts(system, address)
        return [
            StoredFile(f"{scheme}://{name.removeprefix(f'{scheme}://').lstrip('/')}", size, version)
            for name, size, version in found
        ]

    with ThreadPoolExecutor(_THREADS) as pool:
        for files in pool.map(look_up, addresses):
            for file in files[:1] if scheme.startswith("http") else ():
                _check_parts(file)
            yield files


def _with_facts(system: Any, address: str) -> list[tuple[str, int, int]]:
    """Return the names of the objects that an address or a pattern names, lengths and versions."""
    _, path = connect(address)
    infos = []
    with suppress(FileNotFoundError), explaining(address):
        if any(sign in path for sign in MAGIC):
            infos = [*system.glob(path, detail=True).values()]
        else:
            infos = [system.info(path)]
    files = [info for info in infos if info.get("type") == "file"]
    return sorted((i["name"], int(i.get("size") or 0), version_of(i)) for i in files)


def _check_parts(file: StoredFile) -> None:
    """Refuse a web server that sends nothing but whole files.

    Raises:
        StoreError: It is one.
    """
    few = min(2, file.size)
    if not file.size or len(_read(file.address, 0, few)) != few:
        raise StoreError(
            f"{file.address}: the server does not send parts of files (HTTP range requests), so "
            "that no single image can be read; download the tar files, and give the local paths"
        )


def _read(address: str, start: int, size: int) -> bytes:
    """Return some bytes of an object; a lost connection is tried again.

    Raises:
        OSError: They can't be read.
    """
    for pause in (*_PAUSES, None):
        try:
            system, path = connect(address)
            with explaining(address):
                data: bytes = system.cat_file(path, start=start, end=start + size)
            return data
        except LostStoreError:
            if pause is None:
                raise
            time.sleep(pause)
    raise AssertionError


class _LastRead:
    """The bytes that were read last, since an image is hashed, decoded and looked at in turn."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget everything, also in a process that was forked while a thread was reading."""
        self._lock, self._bytes = threading.Lock(), 0
        self._parts: OrderedDict[tuple[StoredFile, int, int], bytes] = OrderedDict()

    def get(self, file: StoredFile, start: int, size: int) -> bytes:
        key = file, start, size
        with self._lock:
            if key in self._parts:
                self._parts.move_to_end(key)
                return self._parts[key]
        data = _read(file.address, start, size) if size else b""
        if len(data) != size:
            raise OSError(f"{file.address} has changed since it was found; start again")
        with self._lock:
            if size <= _KEPT // 4 and key not in self._parts:
                self._parts[key] = data
                self._bytes += size
            while self._bytes > _KEPT:
                self._bytes -= len(self._parts.popitem(last=False)[1])
        return data


_last_read = _LastRead()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_last_read.forget)
