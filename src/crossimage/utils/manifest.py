"""The list of a folder's results, ``crossimage.jsonl``: what each was made from, and how.

A line is a JSON object, written after its file was renamed. A result is *done* only if both its
line and its file exist. Several processes may write into one folder, each with a list of its own
(``crossimage-NAME.jsonl``); readers take all of them together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import portalocker

from crossimage.utils.files import atomic, name_file
from crossimage.utils.reading import open_data, sha256_of
from crossimage.utils.texts.json_text import parse_json
from crossimage.utils.writing.temporary import open_regular

NAME = "crossimage.jsonl"
"""Name of the list of a single process."""

RESULT, SHEET, REPORT = "result", "sheet", "report"
"""Kinds of files: results, contact sheets of results, and reports about them."""

JOB = "job"
"""Kind of a line about no file, but about a run: ``settings`` has its number of ``results``."""

_START, _END = "crossimage", ".jsonl"


@dataclass(frozen=True)
class Entry:
    """A line of the list.

    Attributes:
        output: Path of the file, relative to the list's folder, with ``/``.
        output_sha256: SHA-256 of the file.
        output_state: Length of the file in bytes and its time of change in nanoseconds, or 0; by
            these unchanged files are recognised without being read. Empty where they are not known.
        input: The input's path as the user gave it; None for images made from noise.
        input_sha256: SHA-256 of the input's file.
        input_state: Length and time of change of the input's file.
        kind: ``result``, ``sheet`` or ``report``; or ``job``, for a line about no file.
        target: The target domain, labels, or None for images made from noise.
        style: What determines the style: ``sample``, the number of the output, with ``same`` if all
            inputs share the styles, or ``by`` where it depends on the input's path rather than on
            the file's name alone; ``code``, the numbers of the style; or ``reference`` and
            ``reference_sha256``, the images whose style it is. Empty for methods without styles.
        seed: Seed of random styles and noise; None where nothing is random.
        settings: Everything else that determines the pixels.
        model: SHA-256 of the model's weights.
        run: When the run that wrote it began, in UTC. Of the results for one input, only those of
            the last run count.
    """

    output: str
    output_sha256: str = ""
    output_state: tuple[int, ...] = field(default=(), kw_only=True)
    input: str | None = None
    input_sha256: str | None = None
    input_state: tuple[int, ...] = field(default=(), kw_only=True)
    kind: str = RESULT  # from here on, the lines of a run are mostly the same
    target: Any = None
    style: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    run: str = ""

    @property
    def task(self) -> tuple[str, str | None, str]:
        """What was to be translated: the name and the contents of the input, and the target."""
        name = str(self.input).replace("\\", "/").rpartition("/")[2]
        return name, self.input_sha256, json.dumps(self.target, sort_keys=True)

    def same_making(self, other: Entry, *, any_seed: bool = False, any_input: bool = False) -> bool:
        """Return whether two entries are made in the same way from the same input.

        Args:
            other: The other entry.
            any_seed: Whether the seeds may differ.
            any_input: Whether the inputs may differ.
        """
        return (
            # images count by their contents
            (any_input or self.input_sha256 == other.input_sha256)
            and (any_seed or self.seed == other.seed)
            and (self.output, self.kind, self.model) == (other.output, other.kind, other.model)
            and self.target == other.target
            and self.settings == other.settings
            and _without_names(self.style) == _without_names(other.style)
        )


def _without_names(style: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in style.items() if key != "reference"}


class ManifestWriter:
    """Appends lines to the list of a folder; a torn last line is removed before the first.

    Use as a context manager, which closes the file and flushes it to the disk. Without lines, no
    file is made.

    Args:
        folder: The folder of the results; it must exist when the first line is added.
        name: Name of the list, ``crossimage*.jsonl``.
    """

    def __init__(self, folder: Path, name: str = NAME) -> None:
        assert is_manifest(name), name
        self._path = folder / name
        self._file: IO[bytes] | None = None

    def add(self, *entries: Entry) -> None:
        """Append lines, after the files they are about have names; the last line of a file counts.

        Raises:
            OSError: A line cannot be written, such as to a full disk.
        """
        if not entries:
            return
        if self._file is None:
            if self._path.name != NAME:  # by which folders of results are known
                (self._path.parent / NAME).touch()
            self._file = open_shared(self._path)
            _drop_torn_line(self._file)
        try:
            self._file.writelines(map(line_of, entries))
            self._file.flush()
        except OSError as error:
            name_file(error, self._path)
            raise

    def __enter__(self) -> ManifestWriter:
        """Return the writer."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Close the list."""
        if self._file is None:
            return
        with suppress(OSError):  # file systems that cannot flush
            os.fsync(self._file.fileno())
        try:
            self._file.close()
        except OSError as problem:  # a line that could not be written, which was said if error
            if error is None:
                name_file(problem, self._path)
                raise


def line_of(entry: Entry) -> bytes:
    """Return the line of an entry, with its end."""
    # the fields as they are: a deep copy of each would take longer than the line
    return json.dumps(vars(entry), allow_nan=False, separators=(",", ":")).encode() + b"\n"


def open_shared(path: Path) -> IO[bytes]:
    """Open a list for adding lines, and lock it so that nobody rewrites it meanwhile."""
    while True:
        handle = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        with suppress(portalocker.LockException):  # file systems without locks
            portalocker.lock(handle, portalocker.LOCK_SH)
        with suppress(FileNotFoundError):  # rewritten before it was locked
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return open(handle, "a+b")
        os.close(handle)


def rewrite_list(path: Path, keep: Callable[[bytes], bool]) -> bool:
    """Rewrite a list with some of its complete lines.

    Args:
        path: The list.
        keep: Returns whether a line stays.

    Returns:
        Whether it was rewritten; not while somebody adds lines to it.

    Raises:
        OSError: It cannot be read or written.
    """
    with open(path, "r+b") as old:
        try:
            portalocker.lock(old, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.AlreadyLocked:
            return False
        except portalocker.LockException:
            pass  # file systems without locks
        with atomic(path) as new:
            new.writelines(line for line in old if line.endswith(b"\n") and keep(line))
    return True


def is_manifest(name: str) -> bool:
    """Return whether a file's name is that of a list of results."""
    middle = name.removeprefix(_START).removesuffix(_END)
    return (
        name.startswith(_START)
        and name.endswith(_END)
        and (not middle or middle[0] in "-." and len(name) > len(_START + _END))
    )


def read_manifest(folder: Path) -> dict[str, Entry]:
    """Return the lines of all lists of a folder by output, whether or not the files still exist.

    Of several lines about a file, the last of the last run counts. A line that is not complete is
    left out.
    """
    entries: dict[str, Entry] = {}
    for name in list_names(folder):
        with suppress(OSError):
            path = folder / name
            state = path.stat()
            for output, entry in _read(path, state.st_size, state.st_mtime_ns).items():
                if output not in entries or entries[output].run <= entry.run:
                    entries[output] = entry
    return entries


def known_files(folder: Path) -> dict[Path, Entry]:
    """Return the files below or in a folder's lists that exist, by path.

    The lists are those of the folder itself and of the folders above it, up to the first that has
    any, so that a sub-folder of results is known, too.
    """
    for place in (folder, *folder.absolute().parents):
        if place == folder or (place / NAME).is_file():
            entries = read_manifest(place)
            if entries:
                found = {place / entry.output: entry for entry in entries.values()}
                return {path: entry for path, entry in found.items() if path.is_file()}
    return {}


def from_earlier_runs(entries: Mapping[Path, Entry]) -> list[Path]:
    """Return the results of inputs that a later run translated again to the same target.

    Such files remain where the later run made fewer results, or of another type. An input is known
    by its name, its contents and the folder of its results.

    Args:
        entries: What the lists say about files.
    """
    last: dict[tuple[object, ...], str] = {}
    keys = {}
    for path, entry in entries.items():
        if entry.kind == RESULT and entry.input is not None:
            key = keys[path] = path.parent, *entry.task
            last[key] = max(entry.run, last.get(key, ""))
    return [path for path, key in keys.items() if entries[path].run < last[key]]


def add_report(*paths: Path) -> None:
    """List reports in the folder that they are written to, so that none counts as a result.

    Raises:
        OSError: The list cannot be written.
    """
    with ManifestWriter(paths[0].parent) as manifest:
        for path in paths:
            manifest.add(Entry(path.name, sha256_of(path), kind=REPORT))


def list_names(folder: Path) -> list[str]:
    """Return the sorted names of a folder's lists; none if there is no such folder.

    Lists of processes that have listed nothing yet are left out.
    """

    def counts(name: str) -> bool:
        try:
            return is_manifest(name) and (name == NAME or (folder / name).stat().st_size > 0)
        except FileNotFoundError:  # removed meanwhile
            return False

    try:
        return [name for name in sorted(os.listdir(folder)) if counts(name)]
    except OSError:
        return []


def list_lines(path: Path) -> Iterator[bytes]:
    """Yield the complete lines of a list.

    Raises:
        OSError: It cannot be read.
    """
    with open_data(path) as file:
        yield from (line for line in file if line.endswith(b"\n"))


@lru_cache(maxsize=16)
def _read(path: Path, size: int, modified: int) -> dict[str, Entry]:
    """Read a list of this size and time of change; callers must not change the result."""
    entries = map(parse_line, list_lines(path))
    return {entry.output: entry for entry in entries if entry and entry.kind != JOB}


_COMMON = b',"kind":'
"""Where the part of a line begins that most lines of a run share; strings hold no such quotes."""


def parse_line(line: bytes) -> Entry | None:
    """Return a line's entry; None if it is not a complete one. Unknown fields are ignored."""
    at = line.find(_COMMON)
    try:
        if at < 0:
            values = _known_fields(parse_json(line))
        else:
            values = _known_fields(parse_json(line[:at] + b"}")) | _parse_common(line[at + 1 :])
        for state in ("output_state", "input_state"):
            values[state] = tuple(values.get(state, ()))
        return Entry(**values) if isinstance(values["output"], str) else None
    except (ValueError, TypeError, KeyError):
        return None


@lru_cache(maxsize=256)
def _parse_common(text: bytes) -> dict[str, Any]:
    """Return the fields from ``kind`` on; callers must not change them."""
    return _known_fields(parse_json(b"{" + text))


def _known_fields(values: dict[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in Entry.__dataclass_fields__ if key in values}


def _drop_torn_line(file: IO[bytes]) -> None:
    """Cut what follows the last line's end, which an interrupted process left behind."""
    end = file.seek(0, os.SEEK_END)
    for start in _blocks(end):
        file.seek(start)
        block = file.read(min(end, start + _BLOCK) - start)
        if (at := block.rfind(b"\n")) >= 0:
            if start + at + 1 < end:
                file.truncate(start + at + 1)
            return
    if end:
        file.truncate(0)


_BLOCK = 1 << 16


def _blocks(end: int) -> Iterator[int]:
    """Yield the starts of blocks of a file, the last one first."""
    yield from range(max(0, end - 1) // _BLOCK * _BLOCK, -1, -_BLOCK)
