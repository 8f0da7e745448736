"""Hostile requests are refused in bounded memory, and the server goes on."""

from itertools import islice
from pathlib import Path

import pytest

from tests.server.helpers import tiny
from tests.server.hostile import attack, requests
from tests.server.processes import serving


@pytest.mark.slow
def test_hostile_requests_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    with serving(tiny(), tmp_path) as server:
        outcome = attack(server, seed=3, count=200)
        assert outcome.tried == 200 and outcome.errors == []
        before = server.peak
        again = attack(server, seed=4, count=200)
        assert again.errors == [] and again.memory < before + 300


def test_a_seed_gives_the_same_requests() -> None:
    assert list(islice(requests(5), 30)) == list(islice(requests(5), 30))
