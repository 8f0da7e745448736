"""Checkpoints survive kills, full disks and damage; a run belongs to one process."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from crossimage.checkpoints.run_folder import lock
from crossimage.checkpoints.training_state import Checkpoints


def _state(step: int, size: int = 100) -> dict[str, object]:
    return {
        "step": step,
        "weights": {"w": torch.full((size,), float(step))},
        "adam": [1, 2.5, None],
    }


def _none(sentence: str) -> None:
    raise AssertionError(f"unexpected report: {sentence}")


@pytest.fixture
def small_files():
    """A disk on which no file can grow beyond 100 kB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_the_state_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    assert checkpoints.load_newest(_none) is None
    assert checkpoints.newest_path() is None
    checkpoints.save(20, _state(20))
    checkpoints.save(100, _state(100))
    assert checkpoints.newest_path() == tmp_path / "checkpoints" / "step-00000100.pt"
    loaded = checkpoints.load_newest(_none)
    assert loaded is not None
    step, state = loaded
    assert step == 100 and state["adam"] == [1, 2.5, None]
    assert torch.equal(state["weights"]["w"], torch.full((100,), 100.0))


def test_plain_torch_load_reads_a_checkpoint(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path, keep=1).save(1, _state(1))
    assert torch.load(path, weights_only=True)["step"] == 1


def test_old_states_are_removed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (10, 20, 30):
        checkpoints.save(step, _state(step))
    names = sorted(os.listdir(tmp_path / "checkpoints"))
    assert names == ["step-00000020.pt", "step-00000030.pt"]


@pytest.mark.parametrize("harm", ["torn", "altered", "empty", "foreign"])
def test_a_damaged_newest_is_reported_and_passed_over(tmp_path: Path, harm: str) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    checkpoints.save(10, _state(10))
    newest = checkpoints.save(20, _state(20))
    content = bytearray(newest.read_bytes())
    if harm == "torn":
        content = content[: len(content) // 2]
    elif harm == "altered":
        content[len(content) // 2] ^= 1
    elif harm == "empty":
        content = bytearray()
    else:
        content = bytearray(b"not a checkpoint" * 100)
    newest.write_bytes(content)
    reports: list[str] = []
    loaded = checkpoints.load_newest(reports.append)
    assert loaded is not None and loaded[0] == 10
    assert len(reports) == 1 and str(newest) in reports[0]


def test_a_damaged_state_does_not_push_out_the_good_ones(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    damaged = Checkpoints(tmp_path, keep=2).save(20, _state(20))
    damaged.write_bytes(b"")
    good = checkpoints.save(15, _state(15))
    assert good.exists() and not damaged.exists()


def test_only_damaged_states_are_an_error_that_names_them(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    paths = [checkpoints.save(step, _state(step)) for step in (1, 2)]
    for path in paths:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="no checkpoint is usable") as caught:
        checkpoints.load_newest(lambda _: None)
    assert all(str(path) in str(caught.value) for path in paths)


def test_a_full_disk_leaves_the_old_states(tmp_path: Path, small_files: None) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    old = checkpoints.save(10, _state(10))
    with pytest.raises(ValueError, match="cannot write .*step-00000020.pt: File too large") as info:
        checkpoints.save(20, _state(20, size=1_000_000))
    assert f"newest good checkpoint is {old}" in str(info.value)
    assert os.listdir(tmp_path / "checkpoints") == [old.name]
    loaded = checkpoints.load_newest(_none)
    assert loaded is not None and loaded[0] == 10


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(ValueError, match="cannot write .*there is no earlier one"):
        Checkpoints(tmp_path, keep=1).save(1, _state(1))


def test_a_second_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with lock(run), pytest.raises(ValueError, match=rf"in use by process {os.getpid()}"), lock(run):
        pass
    with lock(run):  # free again
        pass


def test_the_lock_goes_with_a_killed_process_though_its_children_live(tmp_path: Path) -> None:
    program = f"""
import os, time
from pathlib import Path
from crossimage.checkpoints.run_folder import lock
with lock(Path({str(tmp_path)!r})):
    child = os.fork()  # as a loader's worker is
    os.write(1, b"%d\\n" % child)  # after the hooks of a fork
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = sum(int(process.stdout.readline()) for _ in range(2))  # the child prints 0
        try:
            with pytest.raises(ValueError, match=f"process {process.pid}"), lock(tmp_path):
                pass
            process.kill()
            process.wait()
            os.kill(child, 0)  # still alive
            with lock(tmp_path):
                pass
        finally:
            process.kill()
            os.kill(child, signal.SIGKILL)


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    Checkpoints(tmp_path, keep=1).save(1, _state(1))
    stale = [tmp_path / ".index.html.12.tmp", tmp_path / "checkpoints" / ".step-00000002.pt.7.tmp"]
    for path in (*stale, tmp_path / "notes.tmp"):
        path.touch()
    with lock(tmp_path):
        assert not any(path.exists() for path in stale)
    assert (tmp_path / "notes.tmp").exists()
