"""Temporary folders: gone in the end, and after a kill with the next one."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from crossimage.utils.writing import temporary
from crossimage.utils.writing.scratch import scratch_folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "_swept", set())
    return tmp_path


def test_a_folder_is_removed_with_what_is_in_it(place: Path) -> None:
    with scratch_folder() as folder:
        (folder / "below").mkdir()
        (folder / "below" / "file").write_text("text")
        assert folder.parent == place and folder.stat().st_mode & 0o777 == 0o700
    assert not list(place.iterdir())


def test_a_folder_is_removed_after_an_error_of_a_missing_file(place: Path) -> None:
    with pytest.raises(FileNotFoundError), scratch_folder() as folder:
        (folder / "nothing").read_text()
    assert not list(place.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill, and cannot lock folders")
def test_the_folder_of_a_killed_process_is_removed_by_the_next_and_that_of_a_living_one_is_not(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "from crossimage.utils.writing.scratch import scratch_folder\n"
        "with scratch_folder() as folder:\n"
        "    print(folder, flush=True); input()"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(place)},
    ) as other:  # fmt: skip
        assert other.stdout
        left = Path(other.stdout.readline().strip())
        with scratch_folder():
            assert left.is_dir()
        other.send_signal(signal.SIGKILL)
    assert left.is_dir()
    monkeypatch.setattr(temporary, "_swept", set())
    with scratch_folder():
        assert not left.exists()
