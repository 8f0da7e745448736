"""A server that is killed at random moments loses no vote, and counts none twice."""

from pathlib import Path

import pytest

from tests.study.web.voters import kill_under_load


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_every_acknowledged_vote_is_stored_once(kills: int, tmp_path: Path) -> None:
    acknowledged, stored, retries = kill_under_load(tmp_path, kills, seed=kills)
    assert acknowledged > kills and retries > 0
    assert acknowledged <= stored
