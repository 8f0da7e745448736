"""How many threads a command computes with."""

from types import SimpleNamespace
from typing import cast

import pytest
import torch

from crossimage.utils.machine import threads as module
from crossimage.utils.machine.cores import Load
from crossimage.utils.machine.threads import choose_threads, computing_with


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of eight cores, on which nothing sets the number."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "cores", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)


def load(others: float) -> Load:
    return cast(Load, SimpleNamespace(others=lambda: others))


@pytest.mark.parametrize(
    ("others", "count"), [(0.0, 8), (0.4, 8), (1.2, 7), (5.6, 2), (7.9, 1), (8.0, 1), (30.0, 1)]
)
def test_busy_cores_are_left_to_those_who_use_them(others: float, count: int) -> None:
    chosen = choose_threads(load=load(others), remedy="say so")
    assert chosen.count == count and chosen.fewer == (count < 8)
    if chosen.fewer:
        assert f"other programs keep {others:.1f} of 8 cores busy (say so)" in str(chosen)
    else:
        assert str(chosen) == "using 8 threads: it may use 8 cores, and nothing else does"


def test_a_number_that_is_set_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_threads(3, load=load(8.0)).count == 3
    more = choose_threads(9, load=load(0.0))
    assert str(more) == "using 9 threads: as set, more than the 8 cores it may use"
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert str(choose_threads(load=load(8.0))) == "using 8 threads: as OMP_NUM_THREADS says"


def test_quotas_and_the_programs_own_number_are_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)  # of eight cores, or set before
    assert choose_threads(load=load(0.0)).count == 4
    assert choose_threads(load=load(3.0)).count == 4
    monkeypatch.setattr(module, "cores", lambda: 2)
    assert choose_threads(load=load(0.0)).count == 2
    monkeypatch.setattr(module, "cores", lambda: 1)
    assert str(choose_threads(load=load(0.0))) == "using 1 thread: it may use 1 core"


def test_small_work_takes_few_threads_and_says_so() -> None:
    chosen = choose_threads(load=load(0.0), enough=1, remedy="threads=N")
    assert chosen.count == 1 and not chosen.fewer
    assert "so small that more than 1 would gain little (threads=N)" in str(chosen)
    assert choose_threads(load=load(6.0), enough=3).count == 2
    assert choose_threads(load=load(0.0), enough=50).count == 8


def test_the_number_before_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), computing_with(before + 1):
        assert torch.get_num_threads() == before + 1
        raise RuntimeError
    assert torch.get_num_threads() == before
