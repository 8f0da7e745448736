"""Errors of a study's database as those of the system that they come from."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ERRORS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
}


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Raise errors of a database as those of its file.

    Args:
        path: The database.

    Raises:
        OSError: The disk is full or fails, or the file can't be opened or written.
        ValueError: The database is damaged, or another program keeps it locked.
    """
    try:
        yield
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind in _ERRORS:
            number = _ERRORS[kind]
            raise OSError(number, os.strerror(number), str(path)) from error
        if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise ValueError(
                f"{path} is locked by another program; close it and run the same command again"
            ) from error
        if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise ValueError(f"{path} is not the database of a study: {error}") from error
        raise
