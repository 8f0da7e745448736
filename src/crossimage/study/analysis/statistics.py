"""Shares and means with intervals over people, strengths of methods, and agreement."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Interval = tuple[float, float]

REPEATS = 1000
"""Repetitions of a bootstrap."""
_PRIOR = 1e-3  # wins of each method over each other, so that strengths stay finite


def resampled(people: int, seed: int, repeats: int = REPEATS) -> Array:
    """Return how often each person is drawn in each repetition of a bootstrap (repeats, people)."""
    chance = np.random.default_rng(seed)
    return chance.multinomial(people, np.full(people, 1 / people), repeats).astype(np.float64)


def clustered_mean(
    values: Sequence[float], people: Sequence[Hashable], seed: int
) -> tuple[float, Interval | None]:
    """Return a mean and its 95 % interval, by a bootstrap over people.

    Args:
        values: Values of single votes.
        people: Who cast them.
        seed: Seed of the bootstrap.

    Returns:
        The mean, and the interval; None for a single person.
    """
    numbers = _numbers(people)
    count = int(numbers.max()) + 1
    sums = np.bincount(numbers, np.asarray(values, np.float64), count)
    votes = np.bincount(numbers, minlength=count)
    mean = float(sums.sum() / votes.sum())
    if count < 2:
        return mean, None
    draws = resampled(count, seed)
    return mean, percentiles(draws @ sums / (draws @ votes))


def percentiles(values: Array) -> Interval:
    """Return the 2.5 % and 97.5 % percentiles."""
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def win_matrix(wins: Sequence[tuple[str, str]], methods: Sequence[str]) -> Array:
    """Return how often the method of a row won over that of a column (n, n).

    Args:
        wins: Winner and loser of each comparison.
        methods: Names of the methods.
    """
    index = {method: number for number, method in enumerate(methods)}
    matrix = np.zeros((len(methods), len(methods)))
    for winner, loser in wins:
        matrix[index[winner], index[loser]] += 1
    return matrix


def bradley_terry(matrix: Array) -> Array:
    """Return the strengths of methods (n,) from their wins, with a mean of 0.

    Bradley and Terry, "Rank analysis of incomplete block designs" (1952): method i wins over j with
    probability 1 / (1 + exp(s_j - s_i)).
    """
    import choix

    strengths = choix.ilsr_pairwise_dense(matrix, alpha=_PRIOR, max_iter=1000)
    return np.asarray(strengths - strengths.mean(), np.float64)


def strengths_of(
    wins: Sequence[tuple[str, str]], people: Sequence[Hashable], methods: Sequence[str], seed: int,
    repeats: int = 300,
) -> dict[str, tuple[float, Interval | None]]:  # fmt: skip
    """Return Bradley–Terry strengths with 95 % intervals by a bootstrap over people.

    Args:
        wins: Winner and loser of each comparison.
        people: Who compared.
        methods: Names of the methods.
        seed: Seed of the bootstrap.
        repeats: Repetitions of the bootstrap.
    """
    numbers = _numbers(people)
    count = int(numbers.max()) + 1
    index = {method: number for number, method in enumerate(methods)}
    each = np.zeros((count, len(methods), len(methods)))
    for (winner, loser), person in zip(wins, numbers, strict=True):
        each[person, index[winner], index[loser]] += 1
    strengths = bradley_terry(each.sum(0))
    intervals: list[Interval | None] = [None] * len(methods)
    if count > 1:
        draws = resampled(count, seed, repeats)
        fits = np.array([bradley_terry(np.tensordot(draw, each, 1)) for draw in draws])
        intervals = [percentiles(fits[:, number]) for number in range(len(methods))]
    return {
        method: (float(strengths[number]), intervals[number]) for method, number in index.items()
    }


Scale = Literal["nominal", "interval"]

_DIFFERENCE: Mapping[Scale, Callable[[Any, Any], Any]] = {
    "nominal": lambda a, b: (a != b).astype(np.float64),
    "interval": lambda a, b: (a - b) ** 2,
}


def krippendorff_alpha(units: Mapping[Hashable, Sequence[float]], scale: Scale) -> float | None:
    """Return Krippendorff's alpha: 1 for perfect agreement, 0 for that of chance.

    Krippendorff, "Computing Krippendorff's alpha-reliability" (2011).

    Args:
        units: The values that different people gave to each question.
        scale: Whether values are names, or numbers.

    Returns:
        Alpha; None where no question has two answers, or all answers are the same.
    """
    paired = [values for values in units.values() if len(values) > 1]
    if not paired:
        return None
    known = np.unique(np.concatenate([np.asarray(values, np.float64) for values in paired]))
    together = np.zeros((len(known), len(known)))
    for values in paired:
        counts = np.bincount(np.searchsorted(known, values), minlength=len(known)).astype(float)
        together += (np.outer(counts, counts) - np.diag(counts)) / (len(values) - 1)
    totals = together.sum(1)
    difference = _DIFFERENCE[scale](known[:, None], known[None])
    expected = (np.outer(totals, totals) * difference).sum() / (totals.sum() - 1)
    if expected == 0:
        return None
    return float(1 - (together * difference).sum() / expected)


def _numbers(people: Sequence[Hashable]) -> NDArray[np.int64]:
    known = {person: number for number, person in enumerate(dict.fromkeys(people))}
    return np.array([known[person] for person in people], np.int64)
