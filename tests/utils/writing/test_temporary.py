import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossimage.checkpoints.run_folder import lock
from crossimage.utils.files import write_text
from crossimage.utils.writing import temporary
from crossimage.utils.writing.temporary import open_regular, remove_leftovers, temporary_path


@pytest.mark.parametrize("name", ["step-00000007.pt", "x" * 255, "two\nlines"])
def test_what_a_killed_process_left_is_known_by_its_name(tmp_path, name):
    stale = temporary_path(tmp_path / name)
    stale.touch()
    assert stale.name.startswith(f".{name[:16]}")
    with lock(tmp_path):
        assert not stale.exists()


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
        remove_leftovers(tmp_path)
        assert left.exists()
        writer.kill()
        writer.wait()
        assert left.exists()
        temporary._swept.clear()  # as in the next command
        write_text(tmp_path / "other", "x")
    assert {p.name for p in tmp_path.iterdir()} == {"other", ".notes.0123456789abcdef.tmp2"}


def test_a_link_that_looks_like_a_leftover_keeps_its_target(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "x").touch()
    temporary_path(tmp_path / "a").symlink_to(target)
    temporary_path(tmp_path / "b").symlink_to(target / "x")
    os.mkfifo(temporary_path(tmp_path / "c"))
    remove_leftovers(tmp_path)
    assert (target / "x").exists()


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
        open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    assert caught.value.filename == str(path)
    assert victim.read_bytes() == b"precious"
