"""Errors of a study's database are those of its file."""

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossimage.study.failures import storing


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "study.sqlite", isolation_level=None)
    connection.execute("CREATE TABLE vote (answer TEXT)")
    yield connection
    connection.close()


def test_a_full_disk_is_one_of_the_system(database: sqlite3.Connection, tmp_path: Path) -> None:
    database.execute("PRAGMA max_page_count = 3")
    with pytest.raises(OSError) as caught, storing(tmp_path / "study.sqlite"):
        database.execute("INSERT INTO vote VALUES (?)", ("x" * 100_000,))
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "study.sqlite")


def test_a_read_only_database_is_one_of_the_system(
    database: sqlite3.Connection, tmp_path: Path
) -> None:
    database.execute("PRAGMA query_only = 1")
    with pytest.raises(OSError) as caught, storing(tmp_path / "study.sqlite"):
        database.execute("INSERT INTO vote VALUES ('x')")
    assert caught.value.errno == errno.EROFS


def test_a_locked_database_says_so(database: sqlite3.Connection, tmp_path: Path) -> None:
    database.execute("BEGIN EXCLUSIVE")
    other = sqlite3.connect(tmp_path / "study.sqlite", timeout=0, isolation_level=None)
    match = "locked by another program"
    with pytest.raises(ValueError, match=match), storing(tmp_path / "study.sqlite"):
        other.execute("INSERT INTO vote VALUES ('x')")
    other.close()


def test_a_damaged_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "study.sqlite").write_bytes(b"not a database " * 100)
    connection = sqlite3.connect(tmp_path / "study.sqlite")
    match = "is not the database of a study"
    with pytest.raises(ValueError, match=match), storing(tmp_path / "study.sqlite"):
        connection.execute("SELECT * FROM vote")
    connection.close()
