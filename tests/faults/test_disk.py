"""A disk that fills up, and a folder that cannot be written."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossimage.checkpoints.training_state import Checkpoints
from tests.conftest import slow, small
from tests.faults.harness import PATIENCE, compare, start, start_two, train_command

SETTINGS = small("pix2pix", steps=12, keep=100, sample_every=4)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    path = tmp_path / "disk"
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(path)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting a small disk is not allowed here: {error}")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def remount(disk: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(disk)], check=True)


def run(data: Path, out: Path, said: Path) -> int | None:
    process = start(train_command(data, out, SETTINGS, "pix2pix"), said)
    process.join(PATIENCE)
    return process.exitcode


def sentence(said: Path) -> str:
    text = said.read_text()
    assert "Traceback" not in text and "Exception" not in text
    (line,) = (line for line in text.splitlines() if line.startswith("crossimage: "))
    return line


@pytest.mark.parametrize("free", [slow(0), 20_000, slow(150_000), slow(1_000_000)])
def test_a_full_disk_is_one_sentence_and_the_run_continues_when_there_is_room(
    free: int, pairs: Path, tmp_path: Path, disk: Path
) -> None:
    assert run(pairs, tmp_path / "whole", tmp_path / "whole.txt") == 0
    (disk / "other").write_bytes(bytes(3 * 2**20 - free))
    out, said = disk / "run", tmp_path / "said.txt"
    assert run(pairs, out, said) == 2
    text = sentence(said)
    assert str(disk) in text and ("No space left" in text or "disk is full" in text)
    assert "same command" in text
    newest = Checkpoints(out, 1).newest_path()
    if newest:
        assert str(newest) in text
        assert Checkpoints(out, 1).load_newest(pytest.fail)
    assert not list(disk.rglob("*.tmp"))
    (disk / "other").unlink()
    remount(disk, "size=64m")
    assert run(pairs, out, tmp_path / "more.txt") == 0
    compare(tmp_path / "whole", out)


def test_a_full_disk_ends_two_processes_with_one_sentence(
    pairs: Path, tmp_path: Path, disk: Path
) -> None:
    (disk / "other").write_bytes(bytes(2 * 2**20))
    said = tmp_path / "said.txt"
    both = start_two(train_command(pairs, disk / "run", SETTINGS, "pix2pix"), said)
    for process, code in zip(both, (2, 0), strict=True):
        process.join(PATIENCE)
        assert process.exitcode == code
    assert "No space left" in sentence(said)


def test_a_read_only_folder_is_one_sentence(pairs: Path, tmp_path: Path, disk: Path) -> None:
    said = tmp_path / "said.txt"
    (disk / "run").mkdir()
    remount(disk, "ro")
    assert run(pairs, disk / "run", said) == 2
    assert "Read-only file system" in sentence(said)
    remount(disk, "rw")
    remount(disk, "size=64m")
    assert run(pairs, disk / "run", tmp_path / "more.txt") == 0
