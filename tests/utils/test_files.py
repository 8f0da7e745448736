import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crossimage.utils.files import atomic, name_file, new_folder, write_new, write_text
from crossimage.utils.writing import temporary
from crossimage.utils.writing.temporary import temporary_path


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
    name_file(error, tmp_path / "video.mp4")
    assert error.filename == str(tmp_path / "video.mp4") and error.filename in str(error)


@pytest.mark.parametrize("letter", ["x", "ö", "\udcf6"])
def test_names_may_be_as_long_as_the_file_system_allows(tmp_path, letter):
    names = [letter * (250 // len(os.fsencode(letter))) + f"{n}.pt" for n in range(2)]
    with atomic(tmp_path / names[0]) as first, atomic(tmp_path / names[1]) as second:
        first.write(b"first")
        second.write(b"second")
        assert len(list(tmp_path.glob(".*.tmp"))) == 2
    assert [(tmp_path / name).read_bytes() for name in names] == [b"first", b"second"]


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


def test_nobody_can_plant_a_link_under_a_temporary_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = tmp_path / "x.png"
    planted = temporary_path(path)
    planted.symlink_to(victim)
    names = iter([planted])
    monkeypatch.setattr(temporary, "temporary_path", lambda _: next(names))
    with pytest.raises(FileExistsError), atomic(path):
        pass
    assert victim.read_bytes() == b"precious" and planted.is_symlink()
    assert len({temporary_path(path) for _ in range(1000)}) == 1000


def test_many_threads_and_processes_write_one_file(tmp_path: Path) -> None:
    """Process numbers do not tell containers apart, so names do not depend on them."""
    path, stop = tmp_path / "x", tmp_path / "stop"
    write = f"""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import os
os.getpid = lambda: 1
from crossimage.utils.files import atomic

def write(digit):
    while not Path({str(stop)!r}).exists():
        with atomic(Path({str(path)!r})) as file:
            file.write(str(digit).encode() * 10_000)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(write, range(4)))
"""
    writers = [subprocess.Popen([sys.executable, "-c", write]) for _ in range(2)]
    seen = 0
    try:
        while seen < 1000:
            if path.exists():
                content = path.read_bytes()
                assert len(content) == 10_000 and len(set(content)) == 1
                seen += 1
            assert all(writer.poll() is None for writer in writers)
    finally:
        stop.touch()
    assert [writer.wait() for writer in writers] == [0, 0]
    assert {p.name for p in tmp_path.iterdir()} == {"x", "stop"}


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


def test_folders_that_cannot_be_replaced_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for out in (Path("."), Path("../here"), tmp_path / "here"):
        message = "command runs, which can't be replaced; .* in it"
        with pytest.raises(ValueError, match=message), new_folder(out):
            pytest.fail("the work began")
    with monkeypatch.context() as patch:
        patch.setattr("os.path.ismount", lambda path: Path(path).name == "volume")
        (tmp_path / "volume").mkdir()
        message = "volume is a mount point, which can't be replaced"
        with pytest.raises(ValueError, match=message), new_folder(tmp_path / "volume"):
            pytest.fail("the work began")
        with new_folder(Path("in/it")) as folder:
            (folder / "x").touch()
    assert Path("in/it/x").is_file()
