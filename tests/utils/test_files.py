import errno
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crossimage.checkpoints.run_folder import lock
from crossimage.utils import files
from crossimage.utils.files import (
    as_path,
    atomic,
    name_file,
    new_folder,
    temporary_path,
    write_new,
    write_text,
)


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


def test_a_new_file_replaces_none(tmp_path):
    write_new(tmp_path / "x", b"first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "x", b"second")
    assert (tmp_path / "x").read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_new_file_needs_no_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    write_new(tmp_path / "x", b"first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "x", b"second")
    assert (tmp_path / "x").read_bytes() == b"first"


def test_errors_name_the_result_rather_than_its_temporary_file(tmp_path):
    with pytest.raises(OSError) as caught, new_folder(tmp_path / "out") as folder:
        raise OSError(errno.ENOSPC, "full", str(folder / "below" / "x.png"))
    assert caught.value.filename == str(tmp_path / "out" / "below" / "x.png")
    with pytest.raises(OSError) as caught, atomic(tmp_path / "y"):
        raise OSError(errno.ENOSPC, "full")
    assert caught.value.filename == str(tmp_path / "y")


def test_a_folder_that_another_process_writes_meanwhile_is_kept(tmp_path):
    with pytest.raises(ValueError, match="by another process"), new_folder(tmp_path / "out"):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "other").touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "other"]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "none" / "x"):
        pass


def test_errors_of_ffmpeg_whose_name_is_fixed_name_the_result(tmp_path):
    av = pytest.importorskip("av", reason="needs the extra `video`")
    error = av.error.OSError(errno.ENOSPC, "full")
    name_file(error, tmp_path / "film.mp4")
    assert error.filename == str(tmp_path / "film.mp4") and error.filename in str(error)


@pytest.mark.parametrize("letter", ["x", "ö", "\udcf6"])
def test_names_may_be_as_long_as_the_file_system_allows(tmp_path, letter):
    names = [letter * (250 // len(os.fsencode(letter))) + f"{n}.pt" for n in range(2)]
    with atomic(tmp_path / names[0]) as first, atomic(tmp_path / names[1]) as second:
        first.write(b"first")
        second.write(b"second")
        assert len(list(tmp_path.glob(".*.tmp"))) == 2
    assert [(tmp_path / name).read_bytes() for name in names] == [b"first", b"second"]


@pytest.mark.parametrize("name", ["step-00000007.pt", "x" * 255, "two\nlines"])
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


def test_nobody_can_plant_a_link_under_a_temporary_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = tmp_path / "x.png"
    planted = temporary_path(path)
    planted.symlink_to(victim)
    names = iter([planted])
    monkeypatch.setattr(files, "temporary_path", lambda _: next(names))
    with pytest.raises(FileExistsError), atomic(path):
        pass
    assert victim.read_bytes() == b"precious" and planted.is_symlink()
    assert len({temporary_path(path) for _ in range(1000)}) == 1000


def test_many_threads_and_processes_write_one_file(tmp_path: Path) -> None:
    """Process numbers do not tell containers apart, so names do not depend on them."""
    path = tmp_path / "x"
    write = f"""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import os
os.getpid = lambda: 1
from crossimage.utils.files import atomic

def write(digit):
    for _ in range(50):
        with atomic(Path({str(path)!r})) as file:
            file.write(str(digit).encode() * 10_000)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(write, range(4)))
"""
    writers = [subprocess.Popen([sys.executable, "-c", write]) for _ in range(2)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 10_000 and len(set(content)) == 1
            seen += 1
    assert [writer.returncode for writer in writers] == [0, 0] and seen
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_leftovers_of_killed_writers_go_and_files_of_living_ones_stay(
    tmp_path: Path, kind: str
) -> None:
    code = f"""
import time
from pathlib import Path
from crossimage.utils.files import atomic, new_folder
out = Path({str(tmp_path)!r}) / "result"
with {"atomic(out)" if kind == "file" else "new_folder(out)"}:
    print("writing", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout and writer.stdout.readline() == "writing\n"
        (left,) = tmp_path.iterdir()
        (tmp_path / ".notes.0123456789abcdef.tmp2").touch()
        files.remove_leftovers(tmp_path)
        assert left.exists()
        writer.kill()
        writer.wait()
        assert left.exists()
        files._swept.clear()  # as in the next command
        write_text(tmp_path / "other", "x")
    assert {p.name for p in tmp_path.iterdir()} == {"other", ".notes.0123456789abcdef.tmp2"}


def test_a_link_that_looks_like_a_leftover_keeps_its_target(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "x").touch()
    temporary_path(tmp_path / "a").symlink_to(target)
    temporary_path(tmp_path / "b").symlink_to(target / "x")
    os.mkfifo(temporary_path(tmp_path / "c"))
    files.remove_leftovers(tmp_path)
    assert (target / "x").exists()


def test_a_full_disk_names_the_folder_that_was_to_be_filled(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(OSError, match="No space left on device: '.*out'"),
        new_folder(tmp_path / "out"),
    ):
        raise full
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [atomic, new_folder])
def test_errors_with_a_sentence_of_their_own_stay_as_they_are(tmp_path: Path, write) -> None:
    error = FileNotFoundError("there is no model runs/x")
    with (
        pytest.raises(FileNotFoundError, match="^there is no model runs/x$"),
        write(tmp_path / "o"),
    ):
        raise error


def test_a_new_folder_has_its_own_temporary_name(tmp_path: Path) -> None:
    def make(number: int) -> int | None:
        try:
            with new_folder(tmp_path / "out") as folder:
                (folder / "x").write_text(str(number))
            return number
        except (ValueError, OSError):
            return None

    with ThreadPoolExecutor(8) as pool:
        done = [n for n in pool.map(make, range(8)) if n is not None]
    assert (tmp_path / "out" / "x").read_text() in [str(n) for n in done]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_regular_files_are_appended_to(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "losses.csv"
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    {
        "link": lambda: path.symlink_to(victim),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }[kind]()
    with pytest.raises(OSError) as caught:
        files.open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    assert caught.value.filename == str(path)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("address", "name", "advice"),
    [
        ("s3://bucket/run", "--out", "aws s3 cp --recursive FOLDER s3://bucket/run"),
        ("gs://bucket/a", "a path of a", "gcloud storage cp --recursive gs://bucket/a FOLDER"),
        ("s3://bucket/a-{00..09}.tar", "a", "aws s3 cp --recursive s3://bucket FOLDER"),
        ("https://example.org/a.zip", "--data", "curl -O https://example.org/a.zip"),
        ("memory://bucket/a", "--data", "copy the files"),
    ],
)
def test_an_address_is_no_local_path(address, name, advice):
    for given in (address, Path(address)):
        with pytest.raises(ValueError, match=f"^{name}: .*{re.escape(advice)}"):
            as_path(given, name)
    assert as_path(address, name, stores=True) == Path(address)
