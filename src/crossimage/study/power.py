"""Number of people that a study needs."""

from __future__ import annotations

import math
from statistics import NormalDist


def votes_needed(share: float = 0.55, power: float = 0.8, level: float = 0.05) -> int:
    """Return the number of independent votes that tell a share from one half.

    A two-sided test of a single share, by the normal approximation.

    Args:
        share: The true share.
        power: Probability of detecting it.
        level: Probability of finding a difference where there is none.
    """
    normal = NormalDist()
    spread = normal.inv_cdf(1 - level / 2) * 0.5
    spread += normal.inv_cdf(power) * math.sqrt(share * (1 - share))
    return math.ceil((spread / (share - 0.5)) ** 2)


def people_needed(votes_each: int, correlation: float, votes: int) -> int:
    """Return the number of people whose votes are worth so many independent ones.

    Votes of one person are alike, so that n of them are worth n / (1 + (n - 1) ρ).

    Args:
        votes_each: Votes per person.
        correlation: The correlation ρ of two votes of one person.
        votes: Independent votes that are needed.
    """
    return math.ceil(votes * (1 + (votes_each - 1) * correlation) / votes_each)


def plan_sentence(votes_each: int, correlation: float, people: int) -> str:
    """Return how many people tell 50 from 55 % with 80 % power, beside those planned for."""
    votes = votes_needed()
    needed = people_needed(votes_each, correlation, votes)
    return (
        f"to tell 50 from 55 % with 80 % power, a comparison needs {votes} independent votes: "
        f"{needed} people with {votes_each} votes each, if the votes of one person correlate by "
        f"{correlation:g}; this study plans for {people}"
    )
