"""Runs killed at random moments."""

from pathlib import Path

import pytest

from tests.conftest import slow
from tests.faults import kills
from tests.faults.harness import Victims


@pytest.mark.parametrize("workers", [slow(0), 2])
def test_a_run_killed_again_and_again_ends_like_an_uninterrupted_one(
    workers: int, tmp_path: Path
) -> None:
    victims = Victims(tmp_path, workers, seed=workers)
    hits = list(victims.kill(25))
    assert len(hits) == 25
    assert sum(kill.save is not None for kill in hits) >= 3, "hardly a kill hit a save"
    assert any(kill.save is None and kill.step > 0 for kill in hits), "all kills hit a save"
    assert not victims.surviving_loaders()


@pytest.mark.slow
def test_runs_of_methods_with_stages_are_killed_and_end_like_uninterrupted_ones(
    tmp_path: Path,
) -> None:
    outcome = kills.check(tmp_path, seed=2, count=4, methods=("diat", "dtn"))
    assert outcome.tried == 4 and outcome.errors == []
