"""The threads of a run: chosen once, stored, and the same when it is continued."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

import crossimage
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import Config, build
from crossimage.training.listener import Listener
from crossimage.training.processes import threads as module
from crossimage.training.processes.threads import RunThreads
from crossimage.utils.machine import threads as choosing
from tests.conftest import steady


class Heard(Listener):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine of eight cores, on which nothing sets the number of threads."""
    machine = SimpleNamespace(cores=8, others=0.0)
    seen = SimpleNamespace(others=lambda: machine.others)
    monkeypatch.setattr(module, "Load", lambda: seen)
    for each in (module, choosing):
        monkeypatch.setattr(each, "cores", lambda: machine.cores)
        monkeypatch.setattr(each, "threads_set", lambda: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    return machine


def choose(
    before: int | None = None, *, processes: int = 1, weights: int = 10**9, **settings: Any
) -> tuple[int | None, Heard]:
    """The number for a run of networks with so many weights on images of 64 x 64."""
    heard = Heard()
    threads = RunThreads(heard)
    network = torch.nn.Linear(weights, 1, bias=False, device="meta")
    config = build(Config, {"crop": 64, "workers": 0}, settings)
    threads.choose(config, network, before, processes, torch.device("cpu"))
    return threads.count, heard


def test_a_new_run_takes_what_is_free_and_says_why(machine: SimpleNamespace) -> None:
    machine.others = 5.1
    count, heard = choose()
    assert count == 3
    assert heard.said == [
        "using 3 threads: other programs keep 5.1 of 8 cores busy (threads=N sets another number)"
    ]


def test_small_networks_on_small_images_take_one_thread(machine: SimpleNamespace) -> None:
    count, heard = choose(weights=2 * 10**6, batch_size=4)
    assert count == 1 and "so small" in heard.said[0]
    assert choose(weights=2 * 10**6, batch_size=4, threads=4)[0] == 4


def test_processes_share_the_cores_and_one_is_left_to_those_that_load_images(
    machine: SimpleNamespace,
) -> None:
    assert choose(processes=2, batch_size=4)[0] == 4
    assert choose(workers=2)[0] == 7
    machine.others = 2.0
    assert choose(workers=2)[0] == 6
    machine.cores, machine.others = 2, 0.0
    assert choose(workers=2)[0] == 2


def test_a_continued_run_takes_as_many_as_before(machine: SimpleNamespace) -> None:
    count, heard = choose(4)
    assert count == 4 and heard.said == ["using 4 threads: as before"]
    machine.others = 6.0
    count, heard = choose(4)
    assert count == 4 and "although other programs keep 6.0 of 8 cores busy" in heard.said[0]
    assert choose(1)[0] == 1


def test_with_fewer_cores_it_changes_and_warns(machine: SimpleNamespace) -> None:
    machine.cores = 2
    count, heard = choose(4)
    assert count == 2
    (warning,) = heard.warnings
    assert "made with 4 threads and goes on with 2" in warning and "threads=4 keeps" in warning
    count, heard = choose(4, threads=4)  # which works
    assert count == 4 and not heard.warnings and "this process may use 2 cores" in heard.said[0]


def test_another_number_is_taken_with_a_warning(machine: SimpleNamespace) -> None:
    count, heard = choose(4, threads=2)
    assert count == 2 and "differ in their last bits" in heard.warnings[0]
    assert not choose(2, threads=2)[1].warnings


def state_of(run: Path) -> dict[str, Any]:
    newest = Checkpoints(run, 1).load_newest(pytest.fail)
    assert newest
    return newest[1]


def test_a_run_stores_its_number_and_is_continued_with_it(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(module, "cores", lambda: 2)
    used: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    run, before = tmp_path / "run", torch.get_num_threads()
    crossimage.train("cyclegan", folders, run, **steady(steps=1, threads=2))
    assert 2 in used and used[-1] == before
    assert state_of(run)["threads"] == 2
    assert yaml.safe_load((run / "config.yaml").read_text())["threads"] == 2
    used.clear()
    assert not crossimage.train("cyclegan", folders, run, **steady(steps=2)).warnings
    assert 2 in used and used[-1] == before and state_of(run)["threads"] == 2
    changed = crossimage.train("cyclegan", folders, run, **steady(steps=3, threads=1))
    assert "made with 2 threads and goes on with 1, as set" in changed.warnings[0]
    assert state_of(run)["threads"] == 1


def test_runs_of_earlier_versions_go_on_with_the_number_in_their_folder(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps({"threads": 2}))
    assert module.threads_of({"threads": 3}, tmp_path) == 3
    assert module.threads_of({}, tmp_path) == 2
    (tmp_path / "environment.json").unlink()
    assert module.threads_of({}, tmp_path) is None
    assert module.threads_of(None, tmp_path) is None
