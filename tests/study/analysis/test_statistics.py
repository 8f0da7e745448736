"""Intervals over people, strengths and agreement, against published values and simulations."""

import math

import numpy as np
import pytest

from crossimage.study.analysis.statistics import (
    clustered_mean,
    krippendorff_alpha,
    strengths_of,
    win_matrix,
)

# Krippendorff (2011), example C: four observers, twelve units.
UNITS = {
    1: [1, 1, 1], 2: [2, 2, 3, 2], 3: [3, 3, 3, 3], 4: [3, 3, 3, 3], 5: [2, 2, 2, 2],
    6: [1, 2, 3, 4], 7: [4, 4, 4, 4], 8: [1, 1, 2, 1], 9: [2, 2, 2, 2], 10: [5, 5, 5],
    11: [1, 1], 12: [3],
}  # fmt: skip


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("interval", 0.849)])
def test_alpha_is_that_of_krippendorffs_example(scale: str, alpha: float) -> None:
    assert krippendorff_alpha(UNITS, scale) == pytest.approx(alpha, abs=5e-4)  # type: ignore[arg-type]


def test_alpha_needs_two_answers_that_could_differ() -> None:
    assert krippendorff_alpha({1: [1], 2: [2]}, "nominal") is None
    assert krippendorff_alpha({1: [1, 1], 2: [1, 1]}, "nominal") is None


def test_intervals_over_people_are_wider_than_over_votes_if_votes_of_a_person_are_alike() -> None:
    alike = [float(person % 2) for person in range(40) for _ in range(25)]
    apart = [float(vote % 2) for _ in range(40) for vote in range(25)]
    people = [person for person in range(40) for _ in range(25)]
    widths = []
    for values in (alike, apart):
        mean, interval = clustered_mean(values, people, seed=0)
        assert interval is not None and interval[0] <= mean <= interval[1]
        widths.append(interval[1] - interval[0])
    assert widths[0] > 0.2 and widths[1] < 0.02


def test_one_person_has_no_interval() -> None:
    assert clustered_mean([0.0, 1.0], [7, 7], seed=0) == (0.5, None)


def test_the_strengths_of_two_methods_are_their_odds() -> None:
    wins = [("a", "b")] * 75 + [("b", "a")] * 25
    strengths = strengths_of(wins, [n % 10 for n in range(100)], ["a", "b"], seed=0, repeats=20)
    assert strengths["a"][0] - strengths["b"][0] == pytest.approx(math.log(3), abs=0.01)


def test_a_method_that_never_wins_has_a_finite_strength() -> None:
    wins = [("a", "b")] * 20
    strengths = strengths_of(wins, [n % 5 for n in range(20)], ["a", "b"], seed=0, repeats=20)
    assert all(math.isfinite(value) for value, _ in strengths.values())


def test_wins_are_counted_by_row() -> None:
    matrix = win_matrix([("a", "b"), ("a", "b"), ("b", "a")], ["a", "b"])
    assert matrix.tolist() == [[0, 2], [1, 0]]


def test_intervals_of_strengths_cover_the_true_ones() -> None:
    true = {"a": 0.8, "b": 0.0, "c": -0.8}
    covered = []
    for seed in range(12):
        chance = np.random.default_rng(seed)
        wins, people = [], []
        for person in range(30):
            for _ in range(12):
                one, two = chance.choice(list(true), 2, replace=False)
                first = chance.random() < 1 / (1 + math.exp(true[two] - true[one]))
                wins.append((one, two) if first else (two, one))
                people.append(person)
        for method, (_, interval) in strengths_of(wins, people, [*true], seed, 100).items():
            assert interval is not None
            covered.append(interval[0] <= true[method] <= interval[1])
    assert sum(covered) / len(covered) > 0.8
