"""Communication of a single process, which sends nothing; tests/faults has runs of two."""

import pytest
import torch

from crossimage.training.processes.communication import Processes
from crossimage.training.processes.fabric import open_fabric


@pytest.fixture
def alone() -> Processes:
    return Processes(open_fabric("fp32", devices=1))


def test_a_single_process_agrees_with_itself(alone: Processes) -> None:
    assert alone.count == 1 and alone.first
    assert alone.agree(15) == 15 and alone.gather("a") == ["a"]
    tensor = torch.arange(3.0)
    alone.average([tensor])
    assert torch.equal(tensor, torch.arange(3.0))


@pytest.mark.parametrize("error", [ValueError("bad data"), OSError(28, "No space left")])
def test_what_fails_together_is_raised(alone: Processes, error: Exception) -> None:
    with alone.together():
        pass
    with pytest.raises(type(error)) as caught, alone.together():
        raise error
    assert caught.value is error


def test_errors_of_ours_are_not_for_all_processes(alone: Processes) -> None:
    with pytest.raises(RuntimeError, match="shapes"), alone.together():
        raise RuntimeError("shapes do not fit")
