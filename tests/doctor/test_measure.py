from pathlib import Path
from typing import Any

import pytest

from crossimage.doctor.measure import CannotTrainError, measure, time_training
from tests.conftest import small
from tests.doctor.helpers import domains


def settings(method: str, **changes: Any) -> dict[str, Any]:
    return small(method, resize=36, crop=32, **changes)


def test_steps_are_measured_in_a_process_of_their_own(tmp_path: Path) -> None:
    estimate = measure("cut", str(domains(tmp_path)), settings("cut", steps=500), limit=500)
    assert estimate.total == 500
    assert 1 <= estimate.steps <= 6
    assert estimate.seconds > 0
    assert estimate.total_seconds == 500 * estimate.seconds
    assert estimate.memory is None or estimate.memory > 50e6
    assert "CPU" in estimate.device or estimate.device


def test_no_more_steps_are_made_than_are_configured(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    request = {
        "recipe": "cyclegan", "data": str(domains(tmp_path)),
        "overrides": settings("cyclegan", steps=2),
    }  # fmt: skip
    time_training(request, said.append)
    assert said[0]["total"] == 2
    assert [answer["step"] for answer in said[1:]] == [0, 1]


def test_what_stops_training_at_its_beginning_is_the_problem(tmp_path: Path) -> None:
    domains(tmp_path)
    with pytest.raises(CannotTrainError, match="batch_size"):
        measure("cut", str(tmp_path), settings("cut", batch_size=3, accumulate=2), limit=500)


def test_a_step_that_takes_too_long_ends_the_measurement(tmp_path: Path) -> None:
    data = str(domains(tmp_path))
    with pytest.raises(RuntimeError, match="could not be measured: none began within 0.01 s"):
        measure("cut", data, settings("cut"), limit=0.01)
