"""Runs killed at random moments."""

from pathlib import Path

import pytest

from tests.faults.harness import Victims


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_killed_again_and_again_ends_like_an_uninterrupted_one(
    workers: int, tmp_path: Path
) -> None:
    victims = Victims(tmp_path, workers, seed=workers)
    kills = list(victims.kill(25))
    assert len(kills) == 25
    assert sum(kill.save is not None for kill in kills) >= 3, "hardly a kill hit a save"
    assert any(kill.save is None and kill.step > 0 for kill in kills), "all kills hit a save"
    assert not victims.surviving_loaders()
