"""Derived seeds."""

from crossimage.utils.seeds import seed_of


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seed_of(0, "noise", 3) == 6347807290990278987


def test_seeds_of_different_parts_differ_and_fit_into_63_bits() -> None:
    seeds = {seed_of(a, b) for a in range(50) for b in ("a", "b", 1, "1")}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)
