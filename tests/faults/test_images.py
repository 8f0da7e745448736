"""Damaged images end no process, are named, and take neither long nor much memory."""

from itertools import islice

from tests.faults.image_mutants import LARGE, check, mutants, originals


def test_damaged_images_of_all_formats_and_depths_do_no_harm() -> None:
    outcome = check(list(islice(mutants(0), len(originals()) + 50)))
    assert (outcome.crashes, outcome.slow, outcome.errors) == ([], [], [])
    assert outcome.memory < LARGE
    assert outcome.read > 0


def test_the_same_seed_gives_the_same_mutants() -> None:
    assert list(islice(mutants(5), 20)) == list(islice(mutants(5), 20))
    assert list(islice(mutants(5), 20)) != list(islice(mutants(6), 20))
