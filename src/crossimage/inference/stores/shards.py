"""Results as tar shards, as WebDataset reads them."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Self
from uuid import uuid4

from crossimage.data.images.encoded import ImageFile
from crossimage.data.shards.index import read_index
from crossimage.data.shards.member import Member
from crossimage.inference.files.results import FolderResults, State, WrittenFile
from crossimage.utils.manifest import JOB, Entry
from crossimage.utils.reading import sha256_of
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.scratch import scratch_folder

PATTERN = "%06d.tar"
"""Last part of a path that asks for shards."""

_MOST, _BYTES = 10_000, 2**30  # members and bytes of a shard
_SPOOL = 64 * 2**20


@dataclass
class _Unfinished:
    """A shard in progress.

    Attributes:
        file: Where it is made.
        tar: The open tar file.
        members: Names of its results.
        bytes: Their length.
        lines: What will be listed about them, each with the name of its list.
        full: Whether it takes no more results.
    """

    file: Path
    tar: tarfile.TarFile
    members: set[str] = field(default_factory=set)
    bytes: int = 0
    lines: list[tuple[str, Entry]] = field(default_factory=list)
    full: bool = False


class ShardResults:
    """Results in tar shards of a folder; see :class:`~crossimage.inference.files.results.Results`.

    A shard takes 10,000 results or 1 GiB. It is made in a temporary folder, then written under a
    temporary name, its results are listed, and it gets its name.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._place = folder, FolderResults(folder)
        self._open, self._lock = ExitStack(), threading.Lock()
        self._known: dict[str, Member] | None = None
        self._unfinished: list[_Unfinished] = []  # the last one takes results unless it is full
        self._made = self._number = 0

    def __str__(self) -> str:
        """Return the folder's path."""
        return str(self.folder)

    def __enter__(self) -> Self:
        """Return the place."""
        return self

    def __exit__(self, *error: Any) -> None:
        """Complete all shards, and close the lists."""
        try:
            with self._lock:
                self._complete_all()
        finally:
            self._place.__exit__(*error)
            self._open.close()

    def shown(self, name: str) -> str:
        """Return a result as messages name it."""
        return str(self.folder / PATTERN / name)

    def write(self, name: str, fill: Callable[[IO[bytes]], None]) -> WrittenFile:
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
                shard = self._open_shard(name)
                shard.tar.addfile(info, file)
                shard.members.add(name)
                shard.bytes += size
                shard.full = len(shard.members) >= _MOST or shard.bytes > _BYTES
        return WrittenFile(sha256.hexdigest(), size, 0)

    def _open_shard(self, name: str) -> _Unfinished:
        """Return the shard that takes a result."""
        if self._unfinished:
            last = self._unfinished[-1]
            if not last.full and name not in last.members:
                return last
            last.full = True
        file = self._open.enter_context(scratch_folder()) / f"{self._made}.tar"
        self._made += 1
        tar = self._open.enter_context(tarfile.open(file, "w"))  # noqa: SIM115
        self._unfinished.append(_Unfinished(file, tar))
        return self._unfinished[-1]

    def add(self, list_name: str, entries: Iterable[Entry]) -> None:
        """List results, as soon as their shard is full and all of them are known."""
        make_folder(self.folder)
        with self._lock:
            for entry in entries:
                holding = [one for one in self._unfinished if entry.output in one.members]
                if entry.kind != JOB and holding:
                    holding[0].lines.append((list_name, entry))
                else:
                    self._place.add(list_name, [entry])
            for shard in [one for one in self._unfinished if one.full]:
                if len(shard.lines) == len(shard.members):
                    self._complete(shard)

    def _complete_all(self) -> None:
        for shard in [*self._unfinished]:
            self._complete(shard)

    def _complete(self, shard: _Unfinished) -> None:
        """List the results of a shard, and give it its name."""
        shard.tar.close()
        name = self._free_name(shard)
        # Listed first: lines without a shard count as missing, while a shard whose lines a killed
        # process did not write would hold results that are then made a second time.
        for list_name, entry in shard.lines:
            self._place.add(list_name, [entry])
        with open(shard.file, "rb") as made:
            self._place.write(name, lambda file: shutil.copyfileobj(made, file))
        shard.file.unlink()
        self._unfinished.remove(shard)
        self._known = None

    def _free_name(self, shard: _Unfinished) -> str:
        """Return the next number; a name of their own for processes that share the folder."""
        while self._place.state(f"{self._number:06}.tar") is not None:
            self._number += 1
        shared = any(name.startswith("crossimage-") for name, _ in shard.lines)
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
            if any(name in shard.members for shard in self._unfinished):
                self._complete_all()
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
