"""Zip archives from elsewhere, opened without trusting what they say of themselves."""

from __future__ import annotations

import os
import struct
import zipfile
from typing import IO

_MAX_DIRECTORY = 8 << 20  # bytes of the list of entries
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")


def open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip archive, unless its list of entries alone would take much memory.

    Args:
        file: The file, which stays open with the archive.

    Raises:
        ValueError: The list is too long; or some of it is not text.
        zipfile.BadZipFile: It is not an archive, is damaged, or is of a kind that is not read.
    """
    try:
        _check_directory(file)
        return zipfile.ZipFile(file)
    except (NotImplementedError, struct.error, EOFError, OSError) as error:
        raise zipfile.BadZipFile(str(error)) from None


def _check_directory(file: IO[bytes]) -> None:
    """Refuse an archive whose list of entries alone would take much memory."""
    size = file.seek(0, os.SEEK_END)
    length = min(size, _END.size + (1 << 16))
    file.seek(size - length)
    tail = file.read(length)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise zipfile.BadZipFile("its end is missing")
    listed = _END.unpack_from(tail, place)[5]
    before = size - length + place - 20 - _END_64.size
    if before >= 0:
        file.seek(before)
        record = file.read(_END_64.size)
        if record.startswith(b"PK\x06\x06"):
            listed = max(_END_64.unpack(record)[8], listed if listed != 0xFFFFFFFF else 0)
    if listed > _MAX_DIRECTORY:
        raise ValueError(f"its list of entries has more than {_MAX_DIRECTORY >> 20} MiB")
