"""Damaged and crafted models, checkpoints, imports, recipes and tables do no harm."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import pytest

from tests.faults import import_mutants, model_mutants, text_mutants
from tests.faults.image_mutants import Mutant, Outcome

READERS = [
    (model_mutants.mutants, model_mutants.check, 150),
    (import_mutants.mutants, import_mutants.check, 80),
    (text_mutants.mutants, text_mutants.check, 150),
]
MOST = 300 * 2**20
"""Bytes of memory that refusing a file may take."""


@pytest.mark.parametrize(("mutants", "check", "count"), READERS, ids=["models", "imports", "texts"])
def test_files_are_read_or_refused_in_a_sentence(
    mutants: Callable[[int], Iterator[Mutant]],
    check: Callable[[Sequence[Mutant]], Outcome],
    count: int,
) -> None:
    outcome = check(list(islice(mutants(0), count)))
    assert (outcome.crashes, outcome.slow, outcome.errors) == ([], [], [])
    assert outcome.memory < MOST
    assert 0 < outcome.read < count


@pytest.mark.parametrize("mutants", [reader[0] for reader in READERS], ids=["m", "i", "t"])
def test_the_same_seed_gives_the_same_files(mutants: Callable[[int], Iterator[Mutant]]) -> None:
    assert list(islice(mutants(5), 8)) == list(islice(mutants(5), 8))
    assert list(islice(mutants(5), 8)) != list(islice(mutants(6), 8))
