"""Results as tar shards, as WebDataset reads them."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Self
from uuid import uuid4

from crossimage.data.images.encoded import ImageFile
from crossimage.data.shards.index import read_index
from crossimage.data.shards.member import Member
from crossimage.inference.files.results import FolderResults, State, Written
from crossimage.utils.manifest import JOB, Entry, sha256_of
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.scratch import scratch_folder

PATTERN = "%06d.tar"
"""Last part of a path that asks for shards."""

_MOST, _BYTES = 10_000, 2**30  # members and bytes of a shard
_SPOOL = 64 * 2**20


class ShardResults:
    """Results in tar shards of a folder; see :class:`~crossimage.inference.files.results.Results`.

    A shard takes 10,000 results or 1 GiB. It is made in a temporary folder, then written under a
    temporary name and renamed, and only then are its results listed.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._place = folder, FolderResults(folder)
        self._open, self._lock = ExitStack(), threading.Lock()
        self._known: dict[str, Member] | None = None
        self._tar: tarfile.TarFile | None = None
        self._file, self._members, self._bytes, self._number = Path(), set[str](), 0, 0
        self._waiting: list[tuple[str, Entry]] = []

    def __str__(self) -> str:
        """Return the folder's path."""
        return str(self.folder)

    def __enter__(self) -> Self:
        """Return the place."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the last shard, and close the lists."""
        try:
            with self._lock:
                self._complete()
        finally:
            self._place.__exit__(kind, error, trace)
            self._open.close()

    def shown(self, name: str) -> str:
        """Return a result as messages name it."""
        return str(self.folder / PATTERN / name)

    def write(self, name: str, fill: Callable[[IO[bytes]], None]) -> Written:
        """Add a result to the shard in progress."""
        with SpooledTemporaryFile(_SPOOL) as file:
            fill(file)
            size = file.seek(0, 2)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256")
            file.seek(0)
            info = tarfile.TarInfo(name)
            info.size = size
            with self._lock:
                if name in self._members or len(self._members) >= _MOST or self._bytes > _BYTES:
                    self._complete()
                if self._tar is None:
                    scratch = self._open.enter_context(scratch_folder())
                    self._file = scratch / f"{self._number}.tar"
                    self._tar = self._open.enter_context(tarfile.open(self._file, "w"))  # noqa: SIM115
                self._tar.addfile(info, file)
                self._members.add(name)
                self._bytes += size
        return Written(sha256.hexdigest(), size, 0)

    def add(self, list_name: str, entries: Iterable[Entry]) -> None:
        """List results, as soon as their shard is complete."""
        make_folder(self.folder)
        with self._lock:
            for entry in entries:
                if entry.kind != JOB and entry.output in self._members:
                    self._waiting.append((list_name, entry))
                else:
                    self._place.add(list_name, [entry])

    def _complete(self) -> None:
        """Give the shard in progress its name, and list its results."""
        if self._tar is None:
            return
        self._tar.close()
        self._tar = None
        with open(self._file, "rb") as shard:
            self._place.write(self._free_name(), lambda file: shutil.copyfileobj(shard, file))
        self._file.unlink()
        for list_name, entry in self._waiting:
            self._place.add(list_name, [entry])
        self._waiting.clear()
        self._members.clear()
        self._bytes, self._known = 0, None

    def _free_name(self) -> str:
        """Return the next number; a name of their own for processes that share the folder."""
        while self._place.state(f"{self._number:06}.tar") is not None:
            self._number += 1
        shared = any(name.startswith("crossimage-") for name, _ in self._waiting)
        return f"{uuid4().hex[:12]}-{self._number:06}.tar" if shared else f"{self._number:06}.tar"

    def list_names(self) -> list[str]:
        """Return the names of the folder's lists, sorted."""
        return self._place.list_names()

    def list_file(self, list_name: str) -> Path:
        """Return the list."""
        return self._place.list_file(list_name)

    def rewrite(self, list_name: str, keep: Callable[[bytes], bool]) -> bool:
        """Rewrite a list, unless a process adds lines to it."""
        return self._place.rewrite(list_name, keep)

    def leftovers(self) -> Iterator[str]:
        """Yield the names of unfinished shards whose writers are gone."""
        return self._place.leftovers()

    def state(self, name: str) -> State | None:
        """Return the length of a result; results in shards are compared by their contents."""
        found = self._objects().get(name)
        return None if found is None else State(found.stat().st_size, 0)

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a result."""
        return sha256_of(self._member(name))

    def image(self, name: str) -> ImageFile:
        """Return a result in its shard."""
        with self._lock:
            if name in self._members:
                self._complete()
        return self._member(name)

    def names(self) -> Iterator[str]:
        """Yield the names of all results, sorted."""
        yield from sorted(self._objects())

    def remove(self, name: str) -> None:
        """Remove an unfinished shard; results stay in theirs."""
        self._place.remove(name)

    @property
    def scratch(self) -> Path:
        """The folder itself."""
        return self._place.scratch

    def _member(self, name: str) -> Member:
        if (found := self._objects().get(name)) is None:
            raise FileNotFoundError(f"no shard of {self.folder} holds {name}")
        return found

    def _objects(self) -> dict[str, Member]:
        """Return the results of all shards by name; of several, the one written last."""
        if self._known is None:
            shards = sorted(self.folder.glob("*.tar"), key=lambda path: path.stat().st_mtime_ns)
            self._known = {m.inside: m for path in shards for m in read_index(path).members}
        return self._known
