"""Finished parts of a translation, which survive its end and are taken up by the next one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import portalocker

from crossimage.utils.files import atomic, flush_folder, name_file, write_text
from crossimage.utils.reading import read_text, sha256_of
from crossimage.utils.writing.folders import make_folder

LENGTH = 24
"""Frames of a part."""

_MAX_NAME = 240  # bytes of a name that leave room for ".parts"
_RECORD, _LOCK, _JOINED = "made-from.json", "lock", "joined"


class Parts:
    """The parts of one result, in a folder next to it.

    Args:
        folder: The folder, which exists and is locked.
        kept: Number of parts at the beginning that are finished.
        drawn: What was drawn at random for the whole video.
        threads: Threads that compute them, on which the last bits of their pixels depend.
        replaced: Whether there were parts made from something else.
    """

    def __init__(self, folder: Path, kept: int, drawn: int, threads: int, replaced: bool) -> None:
        self.folder, self.kept, self.drawn, self.threads = folder, kept, drawn, threads
        self.replaced = replaced
        self.finished = kept

    def add(self, part: bytes) -> None:
        """Keep the next part.

        Raises:
            OSError: It cannot be written.
        """
        with atomic(_name(self.folder, self.finished), durable=True) as file:
            file.write(part)
        self.finished += 1

    @property
    def paths(self) -> Sequence[Path]:
        """The files of the finished parts."""
        return [_name(self.folder, index) for index in range(self.finished)]

    @contextmanager
    def result(self, out: Path) -> Iterator[Path]:
        """Yield a path for the result, which is renamed to ``out`` when it is complete."""
        joined = self.folder / f"{_JOINED}{out.suffix}"
        try:
            _remove(joined)
            yield joined
            if joined.is_file():
                handle = os.open(joined, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
            os.replace(joined, out)
            try:
                flush_folder(out.parent)
            except OSError:
                if out.is_dir():  # which the same command would not replace
                    os.replace(out, joined)
                raise
        except OSError as error:
            name_file(error, out)
            raise


@contextmanager
def kept_parts(
    out: Path, made_from: Mapping[str, Any], drawn: int, threads: int, count: int
) -> Iterator[Parts]:
    """Open the folder of parts of a result; it is removed once the result is written.

    After an error it is kept, if it holds any part.

    Args:
        out: The result.
        made_from: Everything that determines the parts, as plain data. Parts made from something
            else are removed.
        drawn: What is drawn at random for the whole video, unless kept parts have it.
        threads: Threads that compute, unless kept parts have their number.
        count: Number of parts of the video.

    Raises:
        ValueError: Another process writes the same result.
        OSError: The folder cannot be made.
    """
    folder = parts_folder(out)
    make_folder(folder)
    with open(folder / _LOCK, "a+b") as lock:
        try:
            portalocker.lock(lock, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.AlreadyLocked:
            raise ValueError(
                f"another process is writing {out}; wait for it, or choose another --out"
            ) from None
        except portalocker.LockException:  # the file system has no locks
            pass
        known = _read(folder / _RECORD)
        same = known is not None and known.get("made_from") == json.loads(json.dumps(made_from))
        kept = 0
        if known is not None and same:
            drawn, threads = known["drawn"], known.get("threads", threads)
            while kept < count and _name(folder, kept).is_file():
                kept += 1
        else:
            for path in folder.glob("part-*"):
                path.unlink()
            record = {"made_from": made_from, "drawn": drawn, "threads": threads}
            try:
                write_text(folder / _RECORD, json.dumps(record))
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        parts = Parts(folder, kept, drawn, threads, replaced=known is not None and not same)
        try:
            yield parts
        except BaseException:
            if not parts.finished:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    shutil.rmtree(folder, ignore_errors=True)


def check_parts(out: Path) -> None:
    """Refuse a result whose parts would take the place of other files.

    Raises:
        ValueError: The folder of its parts holds something else.
    """
    folder = parts_folder(out)
    own = any((folder / name).is_file() for name in (_RECORD, _LOCK))
    if not own and (folder.is_file() or (folder.is_dir() and any(folder.iterdir()))):
        raise ValueError(
            f"{folder}, where the parts of {out} are kept until all are finished, holds other "
            "files; move it, or choose another --out"
        )


def parts_folder(out: Path) -> Path:
    """Return the folder of the parts of a result."""
    name, encoded = out.name, os.fsencode(out.name)
    if len(encoded) > _MAX_NAME:
        name = f"{name[:40]}.{hashlib.sha256(encoded).hexdigest()[:16]}"
    return out.with_name(f"{name}.parts")


def drop_parts(out: Path) -> None:
    """Remove the parts that a killed process left of a result that is complete, unless in use."""
    folder = parts_folder(out)
    with suppress(OSError, portalocker.LockException), open(folder / _LOCK, "r+b") as lock:
        portalocker.lock(lock, portalocker.LOCK_EX | portalocker.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


def digest(path: Path) -> str:
    """Return the SHA-256 of a video: of its file, or of the names and contents of a folder."""
    if not path.is_dir():
        return sha256_of(path)
    together = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.is_file():
            together.update(f"{file.name} {sha256_of(file)}\n".encode(errors="surrogateescape"))
    return together.hexdigest()


def _name(folder: Path, index: int) -> Path:
    return folder / f"part-{index:06}"


def _read(path: Path) -> dict[str, Any] | None:
    """Return the record of a folder of parts; None if there is none that is readable."""
    with suppress(OSError, ValueError):
        known = json.loads(read_text(path))
        if isinstance(known, dict) and isinstance(known.get("drawn"), int):
            return known
    return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
