"""Zip archives from elsewhere, opened without trusting what they say of themselves."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator
from typing import IO, NamedTuple

_MAX_DIRECTORY = 8 << 20  # bytes of the list of entries
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_LARGE = 1  # the kind of the field with numbers of 64 bits


def open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip archive, unless its list of entries alone would take much memory.

    Args:
        file: The file, which stays open with the archive.

    Raises:
        ValueError: The list is too long; or some of it is not text.
        zipfile.BadZipFile: It is not an archive, is damaged, or is of a kind that is not read.
    """
    try:
        if _End.read(file).longest > _MAX_DIRECTORY:
            raise ValueError(f"its list of entries has more than {_MAX_DIRECTORY >> 20} MiB")
        return zipfile.ZipFile(file)
    except (NotImplementedError, struct.error, EOFError, OSError) as error:
        raise zipfile.BadZipFile(str(error)) from None


def check_plain(file: IO[bytes], archive: zipfile.ZipFile, behind: int = 0) -> None:
    """Refuse an archive in which another reader could find other entries or contents.

    PyTorch reads archives with a library of its own, and what was checked must be what it reads;
    and other programs that read a file must find in it what is found here.

    Args:
        file: The file.
        archive: The archive in it.
        behind: Number of bytes that belong behind it.

    Raises:
        zipfile.BadZipFile: There are other bytes between or behind its parts, or its headers leave
            room for doubt.
    """
    size = file.seek(0, os.SEEK_END)
    end = _End.read(file)
    entries = archive.infolist()
    if end.place + _END.size != size - behind or end.before != end.start + end.length:
        raise zipfile.BadZipFile("bytes stand before, between or behind its parts")
    if end.entries != len(entries):
        raise zipfile.BadZipFile(f"it has {len(entries)} entries, and says {end.entries}")
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise zipfile.BadZipFile("two of its entries have one name")
    for entry in entries:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise zipfile.BadZipFile("an entry is compressed by another method than deflate")
        if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
            raise zipfile.BadZipFile("an entry has two sizes")
        if size < 1 << 32 and _LARGE in _tags(entry.extra):
            raise zipfile.BadZipFile("it has fields of archives of more than 4 GiB")


class _End(NamedTuple):
    """What the end of an archive says.

    Attributes:
        place: Where its record of 22 bytes and a comment begins.
        before: Where the records of the end begin, including that of more than 4 GiB.
        entries: Number of entries.
        length: Bytes of the list of entries.
        start: Where the list begins.
        longest: The most bytes that a reader may take the list to have.
    """

    place: int
    before: int
    entries: int
    length: int
    start: int
    longest: int

    @staticmethod
    def read(file: IO[bytes]) -> _End:
        """Find the end of an archive."""
        size = file.seek(0, os.SEEK_END)
        most = min(size, _END.size + (1 << 16))
        file.seek(size - most)
        tail = file.read(most)
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or len(tail) - place < _END.size:
            raise zipfile.BadZipFile("its end is missing")
        count, length, start = _END.unpack_from(tail, place)[4:7]
        place += size - most
        before = place - _LOCATOR.size - _END_64.size
        if before < 0:
            return _End(place, place, count, length, start, length)
        file.seek(before)
        record, locator = file.read(_END_64.size), file.read(_LOCATOR.size)
        if not record.startswith(b"PK\x06\x06"):
            located = locator.startswith(b"PK\x06\x07")  # elsewhere, where not all readers look
            return _End(place, -1 if located else place, count, length, start, length)
        longest = length if length != 0xFFFFFFFF else 0
        count, length, start = _END_64.unpack(record)[7:]
        longest = max(length, longest)
        if locator[:4] != b"PK\x06\x07" or _LOCATOR.unpack(locator)[2] != before:
            return _End(place, -1, count, length, start, longest)
        return _End(place, before, count, length, start, longest)


def _tags(extra: bytes) -> Iterator[int]:
    """Return the kinds of an entry's further fields."""
    while len(extra) >= 4:
        tag, length = struct.unpack_from("<2H", extra)
        yield tag
        extra = extra[4 + length :]
