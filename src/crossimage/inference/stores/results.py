"""Results in a store of objects, where nothing is renamed and nothing appended."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Self
from uuid import uuid4

from crossimage.data.images.encoded import EncodedImage, ImageFile
from crossimage.data.stores.addresses import connect, explaining
from crossimage.data.stores.objects import version_of
from crossimage.inference.files.results import State, WrittenFile
from crossimage.utils.manifest import Entry, is_manifest, line_of
from crossimage.utils.writing.scratch import scratch_folder

_SPOOL = 64 * 2**20  # bytes of a result that are kept in memory
_LINES, _SECONDS = 500, 20.0  # after which lines become an object


class StoreResults:
    """Results in a store; see :class:`~crossimage.inference.files.results.Results`.

    An object appears when all of it has arrived, so that it is complete or absent. Since nothing
    can be appended to it, the lines of a process become objects of their own, 500 lines or those
    of 20 seconds each: ``crossimage-ID-000001.jsonl``. What a killed process wrote and had not
    listed yet is made again.

    Args:
        address: The address, such as ``s3://bucket/folder``.

    Raises:
        ValueError: The package for such addresses is missing.
        OSError: The store can't be used.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._system, self._root = connect(address)
        self._open = ExitStack()
        self._local: Path | None = None
        self._known: dict[str, State] | None = None
        self._id, self._parts = uuid4().hex[:12], 0
        self._waiting: dict[str, list[bytes]] = {}
        self._last = time.monotonic()
        self.list_names()  # so that a store that can't be used is known first

    def __str__(self) -> str:
        """Return the address."""
        return self.address

    def __enter__(self) -> Self:
        """Return the place."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write the lines that wait, and remove temporary files."""
        try:
            self._flush()
        finally:
            self._open.close()
            self._local = None

    def shown(self, name: str) -> str:
        """Return an object's address."""
        return f"{self.address}/{name}"

    def write(self, name: str, fill: Callable[[IO[bytes]], None]) -> WrittenFile:
        """Write an object, which appears when it is complete."""
        with SpooledTemporaryFile(_SPOOL) as file:
            fill(file)
            file.seek(0)
            data = file.read()
        path = self._path(name)
        with explaining(self.shown(name), writing=True):
            self._system.pipe_file(path, data)
            info = self._system.info(path)
        state = State(len(data), version_of(info))
        if info.get("size") != len(data):
            raise OSError(f"{self.shown(name)} has {info.get('size')} bytes, wrote {len(data)}")
        if self._known is not None:
            self._known[name] = state
        return WrittenFile(hashlib.sha256(data).hexdigest(), *state)

    def add(self, list_name: str, entries: Iterable[Entry]) -> None:
        """Keep lines until they become an object."""
        lines = self._waiting.setdefault(list_name, [])
        lines += map(line_of, entries)
        if len(lines) >= _LINES or not self._parts or time.monotonic() - self._last > _SECONDS:
            self._flush()

    def _flush(self) -> None:
        for list_name, lines in self._waiting.items():
            if lines:
                self._parts += 1
                start = list_name.removesuffix(".jsonl")
                part = f"{start}-{self._id}-{self._parts:06}.jsonl"
                with explaining(self.shown(part), writing=True):
                    self._system.pipe_file(self._path(part), b"".join(lines))
                lines.clear()
        self._last = time.monotonic()

    def list_names(self) -> list[str]:
        """Return the names of the lists, sorted."""
        try:
            with explaining(self.address):
                self._system.invalidate_cache()
                names = self._system.ls(self._root, detail=False)
        except FileNotFoundError:  # nothing was written yet
            return []
        return sorted(name for path in names if is_manifest(name := path.rpartition("/")[2]))

    def list_file(self, list_name: str) -> Path:
        """Return a copy of a list."""
        path = self.scratch / list_name
        with explaining(self.shown(list_name)):
            path.write_bytes(self._system.cat_file(self._path(list_name)))
        return path

    def rewrite(self, list_name: str, keep: Callable[[bytes], bool]) -> bool:
        """Rewrite a list; a store can't tell whether a process adds lines meanwhile."""
        with explaining(self.shown(list_name)):
            lines = self._system.cat_file(self._path(list_name)).splitlines(keepends=True)
            kept = b"".join(line for line in lines if line.endswith(b"\n") and keep(line))
            self._system.pipe_file(self._path(list_name), kept)
        return True

    def leftovers(self) -> Iterator[str]:
        """Yield nothing: objects are complete or absent."""
        yield from ()

    def state(self, name: str) -> State | None:
        """Return the length and version of an object; all objects are listed once."""
        return self._objects().get(name)

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of an object."""
        with explaining(self.shown(name)), self._system.open(self._path(name), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def image(self, name: str) -> ImageFile:
        """Return a result in memory."""
        with explaining(self.shown(name)):
            return EncodedImage(self._system.cat_file(self._path(name)), self.shown(name))

    def names(self) -> Iterator[str]:
        """Yield the names of all objects that are not hidden."""
        self._known = None
        for name in sorted(self._objects()):
            if not any(part.startswith(".") for part in name.split("/")):
                yield name

    def remove(self, name: str) -> None:
        """Remove an object, if there is one."""
        try:
            with explaining(self.shown(name)):
                self._system.rm_file(self._path(name))
        except FileNotFoundError:
            pass
        if self._known is not None:
            self._known.pop(name, None)

    @property
    def scratch(self) -> Path:
        """A temporary folder."""
        if self._local is None:
            self._local = self._open.enter_context(scratch_folder())
        return self._local

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _objects(self) -> dict[str, State]:
        """Return what is known of all objects by name."""
        if self._known is None:
            known: dict[str, Any] = {}
            try:
                with explaining(self.address):
                    self._system.invalidate_cache()
                    known = self._system.find(self._root, detail=True)
            except FileNotFoundError:
                pass
            start = len(self._root) + 1
            self._known = {
                path[start:]: State(int(info["size"] or 0), version_of(info))
                for path, info in known.items()
            }
        return self._known
