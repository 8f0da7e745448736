import multiprocessing
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from crossimage.config import Config
from crossimage.data import loader as batches
from crossimage.data import worker_crashes
from crossimage.data.loader import Sample, collate, load_batches
from crossimage.data.samples import rows
from crossimage.utils.signals import STOP_SIGNALS
from tests.conftest import slow
from tests.data.helpers import PLAIN, dataset, same


@pytest.mark.parametrize("run_lives", [True, False])
def test_a_loader_process_whose_run_was_killed_before_it_began_ends(
    run_lives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(status: int) -> None:
        raise SystemExit(status)

    begun = []
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "fork")
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(batches, "_outlive_stop_requests", begun.append)
    if run_lives:
        batches._start_worker(os.getppid(), None, 0)
        assert begun
    else:
        with pytest.raises(SystemExit, match="1"):
            batches._start_worker(os.getpid(), None, 0)
        assert not begun


def test_collate_stacks_and_passes_the_first_error_on():
    good, bad = Sample({"a": torch.zeros(3, 2, 2)}), Sample({}, [("a", "x", "y")], "no good")
    assert collate([good, good]).images["a"].shape == (2, 3, 2, 2)
    batch = collate([good, bad, good])
    assert (batch.error, batch.unreadable) == ("no good", [("a", "x", "y")])


@pytest.mark.parametrize("workers", [1, 2])
def test_loader_processes_change_nothing(unequal, workers):
    config = Config(crop=(8, 8), resize=12, batch_size=2, workers=workers)
    data = dataset(unequal, config)
    alone = Config(crop=(8, 8), resize=12, batch_size=2, workers=0)
    expected = list(islice(load_batches(data, alone, start=0), 8))
    assert same(list(islice(load_batches(data, config, start=0), 8)), expected)
    assert same(list(islice(load_batches(data, config, start=5), 3)), expected[5:])


def test_more_loader_processes_than_cores_are_no_reason_to_warn(unequal, monkeypatch):
    monkeypatch.setattr(torch._utils, "cpu_count", lambda: 1)
    config = Config(crop=(8, 8), resize=12, workers=2)
    next(load_batches(dataset(unequal, config), config, start=0))  # warnings are errors in tests
    with pytest.warns(UserWarning, match="DataLoader will create"):  # else the test shows nothing
        iter(DataLoader([1], num_workers=2))


def test_the_loader_leaves_the_random_state_alone(unequal):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    next(load_batches(dataset(unequal), PLAIN, start=0))
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_see_together_what_one_sees(unequal):
    config = Config(resize=0, crop=(8, 8), batch_size=4, workers=0)
    data = dataset(unequal, config)
    whole = next(load_batches(data, config, start=3)).images["a"]
    parts = [
        next(load_batches(data, config, start=3, rank=r, world=2)).images["a"] for r in range(2)
    ]
    assert torch.equal(torch.cat(parts), whole)


PROGRAM = """
import multiprocessing, sys, time
from crossimage.config import Config
from crossimage.data.samples.unpaired import UnpairedImages
from crossimage.data.loader import load_batches
from crossimage.data.sources.domains.scan import scan_domains
from tests.golden import SHARED

config = Config(resize=0, crop=(8, 8), workers=2)
batches = load_batches(UnpairedImages(scan_domains(sys.argv[1]), config), config, start=0)
next(batches)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
for line in sys.stdin:
    for _ in range(20):
        next(batches)
    print("more", flush=True)
"""


@pytest.fixture
def running(unequal):
    """A process with two loader processes, and their numbers."""
    command = [sys.executable, "-c", PROGRAM, str(unequal)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert len(workers) == 2
        yield process, workers
        process.kill()


def gone(pids, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(is_alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
def test_loader_processes_end_with_a_killed_training_process(running):
    process, workers = running
    process.kill()
    assert gone(workers, 20)


@needs_proc
def test_loader_processes_outlive_stop_requests_and_end_with_the_run(running):
    process, workers = running
    for number in sorted(STOP_SIGNALS):
        for pid in workers:
            os.kill(pid, number)
        process.stdin.write("more please\n")
        process.stdin.flush()
        assert process.stdout.readline() == "more\n", number
    process.stdin.close()
    assert process.wait(20) == 0
    assert gone(workers, 5)


@needs_proc
def test_loader_processes_outlive_stop_requests_while_they_start(unequal, monkeypatch):
    begin = batches._outlive_stop_requests

    def begin_late(parent):
        time.sleep(0.5)
        begin(parent)

    monkeypatch.setattr(batches, "_outlive_stop_requests", begin_late)
    config = Config(resize=0, crop=(8, 8), workers=1)
    loaded = load_batches(dataset(unequal, config), config, start=0)
    (worker,) = multiprocessing.active_children()
    # The training process's own requests are obeyed: these come from another.
    kills = (f"kill -{int(number)} {worker.pid}" for number in sorted(STOP_SIGNALS))
    subprocess.run(["sh", "-c", " && ".join(kills)], check=True)
    assert next(loaded).images["a"].shape == (1, 3, 8, 8)


ENDED = "ended the process that read it"


def deadly_decode(target: Path, how: str, record: Path):
    """Return a reader that ends its process at one file."""
    real = rows.decode

    def decode(path, *args):
        if path == target:
            with record.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), getattr(signal, how)) if how != "exit" else os._exit(1)
        return real(path, *args)

    return decode


@pytest.mark.parametrize(
    ("how", "deaths"), [("SIGSEGV", 1), slow("SIGABRT", 1), slow("exit", 1), ("SIGKILL", 2)]
)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loader_process_that_dies_costs_only_the_file_it_was_reading(
    unequal, tmp_path, monkeypatch, how, deaths, accumulate
):
    options = {"crop": (8, 8), "resize": 12, "batch_size": 2, "accumulate": accumulate}
    data = dataset(unequal, Config(**options, workers=2))
    victim = data.domains[0].train[1]
    clean = dataset(unequal, Config(**options, workers=0))
    clean.deadly[str(victim)] = f"{victim} is not read"
    expected = list(islice(load_batches(clean, clean.config, start=0), 8))

    record = tmp_path / "record"
    monkeypatch.setattr(rows, "decode", deadly_decode(victim, how, record))
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.2)
    before = signal.getsignal(signal.SIGCHLD)
    found = list(islice(load_batches(data, data.config, start=0), 8))
    assert signal.getsignal(signal.SIGCHLD) == before
    assert all(
        torch.equal(a.images[k], b.images[k])
        for a, b in zip(found, expected, strict=True)
        for k in "ab"
    )
    reasons = {reason for batch in found for _, _, reason in batch.unreadable}
    name = "exit status 1" if how == "exit" else how
    assert reasons == {
        f"{victim} can't be read: it ended the process that read it ({name}); repair or remove it"
    }
    assert len(record.read_text()) >= deaths


class Ending:
    """A process that has closed its files, and whose exit status comes a moment later."""

    exitcode = None

    def __init__(self):
        self.sentinel, end = os.pipe()
        os.close(end)

    def join(self, timeout):
        os.close(self.sentinel)
        self.exitcode = -signal.SIGSEGV


def test_a_loader_process_that_is_about_to_end_is_awaited():
    running = SimpleNamespace(_workers=[Ending()])
    loading = batches._LastingBatches(lambda delivered: running, None, {})
    assert loading._died() == {0: -signal.SIGSEGV}


def test_loader_processes_that_die_for_no_files_fault_end_the_run(unequal, monkeypatch):
    data = dataset(unequal, Config(crop=(8, 8), resize=12, batch_size=2, workers=1))
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.1)
    monkeypatch.setattr(batches, "collate", lambda samples: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(RuntimeError, match="DataLoader worker"):
        next(load_batches(data, data.config, start=0))
    assert data.deadly == {}


def test_a_file_that_ended_its_reader_is_tried_again_in_a_process_of_its_own(unequal, monkeypatch):
    data = dataset(unequal, PLAIN)
    path = str(data.domains[0].train[0])
    reason = (
        f"{path} can't be read: it ended the process that read it (SIGSEGV); repair or remove it"
    )
    known = {data.domains[0].name: {path: reason}}
    assert not any(data.still_unreadable(known).values())  # it has been repaired
    monkeypatch.setattr(worker_crashes, "_TRY", "import os; os.abort()")
    assert data.still_unreadable(known)[data.domains[0].name] == {path: reason}
