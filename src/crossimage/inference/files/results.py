"""The place of results: where files are written, listed and found again."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, Self

from crossimage.data.images.encoded import ImageFile
from crossimage.utils.files import atomic
from crossimage.utils.manifest import Entry, ManifestWriter, list_names, rewrite_list
from crossimage.utils.reading import sha256_of
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.temporary import leftovers


class WrittenFile(NamedTuple):
    """A file that was written.

    Attributes:
        sha256: SHA-256 of its bytes in hexadecimal digits.
        size: Its length in bytes.
        modified: Its time of change in nanoseconds, by which unchanged files are recognised without
            being read; 0 where the place keeps none.
    """

    sha256: str
    size: int
    modified: int

    def recorded(self, entry: Entry) -> Entry:
        """Return what a list says about the file."""
        return replace(entry, output_sha256=self.sha256, output_state=(self.size, self.modified))


class State(NamedTuple):
    """What a place knows of a file without reading it: its length, and time of change or 0."""

    size: int
    modified: int


class Results(AbstractContextManager["Results"], Protocol):
    """A place for results.

    Files are named by paths relative to it, with ``/``. A file is complete or absent, whatever
    becomes of the process that writes it. The lists are closed when the context ends.
    """

    def __str__(self) -> str:
        """Return the place as messages name it."""

    def shown(self, name: str) -> str:
        """Return a file as messages name it."""

    def write(self, name: str, fill: Callable[[IO[bytes]], None]) -> WrittenFile:
        """Write a file.

        Args:
            name: Its name.
            fill: Writes the contents to a file that can be read, written and sought.

        Raises:
            OSError: It cannot be written.
            ValueError: ``fill`` refuses.
        """

    def add(self, list_name: str, entries: Iterable[Entry]) -> None:
        """Append lines to a list of results, after the files that they are about are complete.

        Raises:
            OSError: They cannot be written.
        """

    def list_names(self) -> list[str]:
        """Return the names of the lists, sorted; none if the place does not exist."""

    def list_file(self, list_name: str) -> Path:
        """Return a local file with the lines of a list: the list itself or a copy.

        Raises:
            OSError: It cannot be read.
        """

    def rewrite(self, list_name: str, keep: Callable[[bytes], bool]) -> bool:
        """Rewrite a list with those of its complete lines for which ``keep`` is true.

        Returns:
            Whether it was rewritten; not while a process adds lines to it.
        """

    def leftovers(self) -> Iterator[str]:
        """Yield the names of unfinished files whose writers are gone."""

    def state(self, name: str) -> State | None:
        """Return what is known of a file; None if there is none."""

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file.

        Raises:
            OSError: It cannot be read.
        """

    def image(self, name: str) -> ImageFile:
        """Return a result in the form in which images are read.

        Raises:
            OSError: It cannot be read.
        """

    def names(self) -> Iterator[str]:
        """Yield the names of all files, without those in progress, folder by folder."""

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""

    @property
    def scratch(self) -> Path:
        """A local folder, which exists, with space for files as large as results."""


class FolderResults:
    """A folder of results; see :class:`Results`.

    Args:
        folder: The folder, which is made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._place = os.path.join(str(folder), "")
        self._open, self._lists = ExitStack(), dict[str, ManifestWriter]()

    def __str__(self) -> str:
        """Return the folder's path."""
        return str(self.folder)

    def __enter__(self) -> Self:
        """Return the place."""
        return self

    def __exit__(self, *error: Any) -> None:
        """Close the lists, and flush them to the disk."""
        self._lists.clear()
        self._open.__exit__(*error)

    def shown(self, name: str) -> str:
        """Return a file's path."""
        return str(self.folder / name)

    def write(self, name: str, fill: Callable[[IO[bytes]], None]) -> WrittenFile:
        """Write a file under a temporary name, and rename it when it is complete."""
        path = self.folder / name
        make_folder(path.parent)
        with atomic(path) as file:
            fill(file)
            file.flush()
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
            state = os.fstat(file.fileno())
        return WrittenFile(sha256.hexdigest(), state.st_size, state.st_mtime_ns)

    def add(self, list_name: str, entries: Iterable[Entry]) -> None:
        """Append lines to a list, which is made for the first."""
        if list_name not in self._lists:
            writer = ManifestWriter(self.folder, list_name)
            self._lists[list_name] = self._open.enter_context(writer)
        self._lists[list_name].add(*entries)

    def list_names(self) -> list[str]:
        """Return the names of the folder's lists, sorted."""
        return list_names(self.folder)

    def list_file(self, list_name: str) -> Path:
        """Return the list."""
        return self.folder / list_name

    def rewrite(self, list_name: str, keep: Callable[[bytes], bool]) -> bool:
        """Rewrite a list, unless a process adds lines to it."""
        return rewrite_list(self.folder / list_name, keep)

    def leftovers(self) -> Iterator[str]:
        """Yield the names of unfinished files whose writers are gone."""
        for root, folders, _ in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            base = Path(root).relative_to(self.folder)
            yield from ((base / name).as_posix() for name in sorted(leftovers(Path(root))))

    def state(self, name: str) -> State | None:
        """Return the length and time of change of a regular file."""
        try:
            state = os.stat(self._place + name)
        except (OSError, ValueError):
            return None
        return State(state.st_size, state.st_mtime_ns)

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file."""
        return sha256_of(Path(self._place + name))

    def image(self, name: str) -> ImageFile:
        """Return a result's path."""
        return self.folder / name

    def names(self) -> Iterator[str]:
        """Yield the names of all files that are not hidden, folder by folder."""
        for root, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            base = Path(root).relative_to(self.folder)
            yield from (
                (base / name).as_posix() for name in sorted(files) if not name.startswith(".")
            )

    def remove(self, name: str) -> None:
        """Remove a file, or an unfinished folder, if there is one."""
        path = self._place + name
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(FileNotFoundError):
                os.unlink(path)

    @property
    def scratch(self) -> Path:
        """The folder itself."""
        make_folder(self.folder)
        return self.folder
