"""Runs on disks that fail end with a sentence, and continue to the same end."""

from itertools import islice
from pathlib import Path

import pytest

from tests.faults.io_faults import check, faults


@pytest.mark.slow
def test_runs_on_failing_disks_end_with_a_sentence_and_continue(tmp_path: Path) -> None:
    outcome = check(tmp_path, seed=4, count=4)
    assert outcome.tried == 4 and outcome.errors == []


def test_the_same_seed_gives_the_same_faults() -> None:
    assert list(islice(faults(5), 20)) == list(islice(faults(5), 20))
    assert list(islice(faults(5), 20)) != list(islice(faults(6), 20))
