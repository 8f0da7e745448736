import os
from pathlib import Path

import pytest

from crossimage.checkpoints.training_state import lock
from crossimage.utils.files import as_path, atomic, temporary_path, write_text


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_appears_only_when_it_is_complete(tmp_path, durable):
    path = tmp_path / "x"
    with atomic(path, durable=durable) as file:
        file.write(b"half")
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), atomic(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "none" / "x"):
        pass


@pytest.mark.parametrize("letter", ["x", "ö", "\udcf6"])
def test_names_may_be_as_long_as_the_file_system_allows(tmp_path, letter):
    names = [letter * (250 // len(os.fsencode(letter))) + f"{n}.pt" for n in range(2)]
    with atomic(tmp_path / names[0]) as first, atomic(tmp_path / names[1]) as second:
        first.write(b"first")
        second.write(b"second")
        assert len(list(tmp_path.glob(".*.tmp"))) == 2
    assert [(tmp_path / name).read_bytes() for name in names] == [b"first", b"second"]


@pytest.mark.parametrize("name", ["step-00000007.pt", "x" * 255])
def test_what_a_killed_process_left_is_known_by_its_name(tmp_path, name):
    stale = temporary_path(tmp_path / name)
    stale.touch()
    assert stale.name.startswith(f".{name[:16]}")
    with lock(tmp_path):
        assert not stale.exists()


def test_an_empty_path_is_refused_and_a_dot_is_not():
    assert as_path(".", "--out") == Path()
    with pytest.raises(ValueError, match="--out is empty"):
        as_path("", "--out")


def test_file_names_that_are_no_text_can_be_written_down(tmp_path):
    write_text(tmp_path / "x", "sch\udcf6n.png")
    assert (tmp_path / "x").read_bytes() == b"sch\\udcf6n.png"


def test_text_is_utf8(tmp_path):
    write_text(tmp_path / "x", "Straße\n")
    assert (tmp_path / "x").read_bytes() == "Straße\n".encode()


def test_a_failed_write_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, atomic(tmp_path / "x.bin"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "x.bin")


def test_a_leading_tilde_is_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/runs", "--out") == as_path(Path("~/runs"), "--out") == tmp_path / "runs"
    assert as_path("~no-such-user.png", "x") == Path("~no-such-user.png")
    assert as_path("a/~/b", "x") == Path("a/~/b")


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(ValueError, match="--out: expected a path, found NoneType"):
        as_path(None, "--out")  # type: ignore[arg-type]
