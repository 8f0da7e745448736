"""Processes of a run that end before they have joined the others are seen on their machine."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from crossimage.__main__ import run
from crossimage.training.processes.process_locks import announce, present, run_of
from tests.faults.harness import PATIENCE, SERVER

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs locks of files")
RUN = "127.0.0.1 29500"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path


def other(folder: Path, number: int, run: str, ready: Event, ends: Event) -> None:
    """Be another process of the run."""
    tempfile.tempdir = str(folder)
    with present(number, run):
        if os.fork() == 0:
            ready.set()  # it has closed its copies of the locks
            time.sleep(20)  # as a loader process, which does not see its parent die
            os._exit(0)
        ends.wait(PATIENCE)


def started(
    folder: Path, number: int = 1, run: str = RUN, ends: Event | None = None
) -> ForkServerProcess:
    ready = SERVER.Event()
    arguments = folder, number, run, ready, ends or SERVER.Event()
    process = SERVER.Process(target=other, args=arguments)
    process.start()
    assert ready.wait(PATIENCE)
    return process


def test_a_process_that_was_killed_is_named_by_the_others(folder: Path) -> None:
    with present(0, RUN) as processes:
        assert processes is not None and processes.ended() is None
        process = started(folder)
        assert processes.ended() is None
        process.kill()
        process.join()
        assert processes.ended() == 1
        with present(0, "127.0.0.1 29501") as others:
            assert others is not None and others.ended() is None, "of another run"


def test_a_process_that_was_killed_just_before_the_other_one_started_is_named(folder: Path) -> None:
    process = started(folder)
    process.kill()
    process.join()
    with present(0, RUN) as processes:
        assert processes is not None and processes.ended() == 1


def test_a_process_that_takes_long_to_start_sees_what_was_killed_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "29500")
    announce()
    run_name = run_of(os.environ)
    assert run_name
    process = started(folder, run=run_name)
    process.kill()
    process.join()
    later = time.time() + 100
    monkeypatch.setattr(time, "time", lambda: later)
    with present(0, run_name) as processes:
        assert processes is not None and processes.ended() == 1


def test_a_run_that_is_restarted_at_once_does_not_miss_processes_of_the_one_before(
    folder: Path,
) -> None:
    with pytest.raises(RuntimeError), present(0, "earlier"):
        raise RuntimeError  # of a process that lives on in this one
    process = started(folder)
    other_process = started(folder, number=2)
    for one in (process, other_process):
        one.kill()
        one.join()
    again = started(folder)
    with present(0, RUN) as processes:
        assert processes is not None and processes.ended() is None
        again.kill()
        again.join()
        assert processes.ended() == 1, "of the new run"
    with present(2, RUN) as processes:
        assert processes is not None and processes.ended() == 1, "before it started"
    with present(1, RUN) as processes:
        assert processes is not None and processes.ended() is None, "it takes its place"


def test_a_process_is_known_before_the_command_line_is_imported(folder: Path) -> None:
    code = """
import sys, tempfile
from pathlib import Path

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("crossimage.cli.app", "torch", "tyro"):
            print([path.name[:2] for path in Path(tempfile.gettempdir()).glob("*/*.process")])
            sys.exit(0)

sys.meta_path.insert(0, Watch())
sys.argv = ["crossimage", "train", "munit"]
from crossimage.__main__ import run
run()
"""

    def found(**facts: str) -> str:
        facts = {"TMPDIR": str(folder), **facts}
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | facts, capture_output=True, text=True
        )
        assert not done.stderr
        return done.stdout.strip()

    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    assert found(**place, LOCAL_RANK="3") == "['3-']"
    assert found(**place, NODE_RANK="3") == "['3-']", "and the one before is of an earlier run"
    assert found(MASTER_ADDR="127.0.0.2", MASTER_PORT="x", LOCAL_RANK="x") == "['3-']"


def test_a_command_that_ends_well_is_not_missed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "29500")
    monkeypatch.setattr(sys, "argv", ["crossimage", "train", "--help"])
    before = signal.getsignal(signal.SIGINT)  # which the command resets
    try:
        assert run() == 0 and "usage" in capsys.readouterr().out
    finally:
        signal.signal(signal.SIGINT, before)
    assert not list(folder.iterdir())


def test_processes_of_earlier_runs_are_forgotten(folder: Path) -> None:
    process = started(folder)
    process.kill()
    process.join()
    (file,) = folder.glob("*/1-*.process")
    os.utime(file, (time.time() - 60,) * 2)
    with present(0, RUN) as processes:
        assert processes is not None and processes.ended() is None and not file.exists()
    assert not list(folder.iterdir())


def test_a_process_that_ended_without_an_error_is_not_missed(folder: Path) -> None:
    with present(0, RUN) as processes:
        ends = SERVER.Event()
        process = started(folder, ends=ends)
        ends.set()
        process.join(PATIENCE)
        assert process.exitcode == 0 and processes is not None and processes.ended() is None


def test_an_error_tells_the_others(folder: Path) -> None:
    with present(0, RUN) as processes:
        with pytest.raises(RuntimeError), present(1, RUN):
            raise RuntimeError
        assert processes is not None and processes.ended() is None, "it may hang until it ends"


def test_a_folder_that_others_may_write_to_is_not_used(folder: Path) -> None:
    with present(0, RUN):
        (path,) = folder.iterdir()
    path.mkdir()
    path.chmod(0o777)
    with present(0, RUN) as processes:
        assert processes is None
    assert not list(path.iterdir())
