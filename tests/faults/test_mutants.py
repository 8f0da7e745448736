"""Damaged and crafted models, checkpoints, imports, recipes and tables do no harm."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import pytest

from tests.faults import import_mutants, model_mutants, text_mutants
from tests.faults.archives import mutants as archives
from tests.faults.crafted import arrays, digits, tables, tars, tensors, yamls
from tests.faults.fuzz import runs_of
from tests.faults.image_mutants import Mutant, Outcome

READERS = [
    (model_mutants.mutants, model_mutants.check, 150),
    (import_mutants.mutants, import_mutants.check, 80),
    (archives.mutants, archives.check, 112),
    (text_mutants.mutants, text_mutants.check, 150),
    (tensors.mutants, tensors.check, 48),
    (tars.mutants, tars.check, 30),
    (yamls.mutants, yamls.check, 60),
    (tables.mutants, tables.check, 39),
    (arrays.mutants, arrays.check, 46),
    (digits.mutants, digits.check, 21),
]
KINDS = ["models", "imports", "archives", "texts", "tensors", "tars", "yamls", "tables",
         "arrays", "digits"]  # fmt: skip
MOST = 300 * 2**20
"""Bytes of memory that refusing a file may take."""


@pytest.mark.parametrize(("mutants", "check", "count"), READERS, ids=KINDS)
def test_files_are_read_or_refused_in_a_sentence(
    mutants: Callable[[int], Iterator[Mutant]],
    check: Callable[[Sequence[Mutant]], Outcome],
    count: int,
) -> None:
    outcome = check(list(islice(mutants(0), count)))
    assert (outcome.crashes, outcome.slow, outcome.errors) == ([], [], [])
    assert outcome.memory < MOST
    assert 0 < outcome.read < count


@pytest.mark.parametrize("mutants", [reader[0] for reader in READERS], ids=KINDS)
def test_the_same_seed_gives_the_same_files(mutants: Callable[[int], Iterator[Mutant]]) -> None:
    first, again, other = (list(islice(mutants(seed), 8)) for seed in (5, 5, 6))
    assert first == again != other


def test_all_inputs_that_libfuzzer_tries_count() -> None:
    said = "#2\tINITED cov: 4\n#1024\tpulse cov: 9\n#1500\tNEW cov: 10\nDone 1999 runs in 3 s\n"
    assert runs_of(said) == 1999
    assert runs_of(said.partition("Done")[0]) == 1500 and runs_of("no library") == 0


def test_the_memory_that_a_file_takes_is_measured_whatever_the_parent_takes() -> None:
    taken = bytearray(200 * 2**20)  # a child inherits this peak
    code = (
        "from tests.faults.image_mutants import peak, reset_peak; idle = reset_peak();"
        "file = bytearray(b'x') * (100 * 2**20); print(peak() - idle)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert 90 * 2**20 < int(said) < 150 * 2**20 < len(taken)
