"""Which differences between models lie within the noise of their figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from crossimage.evaluation.report.figures import Figure

TIED = "≈"
"""Mark of figures that can't be told from the best one of their column."""

MEANING = "cannot be told from the best value: the difference lies within the noise of both figures"
"""Meaning of the mark."""


def within_noise(a: Figure, b: Figure) -> bool:
    """Return whether two figures differ by less than chance would explain.

    The interval of their difference follows from their own intervals, as that of independent
    figures: the square root of the sum of the squares of the halves that face each other. Figures
    of the same inputs are less independent than that, so that it errs on the side of caution.
    Figures without an interval are never said to be within the noise.
    """
    low, high = sorted((a, b), key=lambda figure: figure.value)
    if low.interval is None or high.interval is None:
        return False
    reach = math.hypot(low.interval[1] - low.value, high.value - high.interval[0])
    return high.value - low.value <= reach


def ties(figures: Sequence[tuple[int, Figure]], best: set[int]) -> set[int]:
    """Return the indices of the runs whose figure can't be told from a best one.

    Args:
        figures: One figure of several runs, with their indices.
        best: Indices of the runs with the best value.
    """
    winners = [figure for index, figure in figures if index in best]
    return {
        index
        for index, figure in figures
        if index not in best and any(within_noise(figure, winner) for winner in winners)
    }


def pairs(figures: Sequence[tuple[str, Figure]]) -> list[tuple[str, str]]:
    """Return the titles of all pairs of runs whose difference lies within the noise.

    Args:
        figures: One figure of several runs, with their titles.
    """
    return [
        (first, second)
        for (first, a), (second, b) in combinations(figures, 2)
        if within_noise(a, b)
    ]
