"""Simulated judges answer a study, to try out its analysis: no figure of real people.

Each judge knows the true strength of every method and chooses by the model of Bradley and Terry:
method i over j with probability 1 / (1 + exp(s_j - s_i)). Ratings scatter around 3 + s, and a
generated image passes for real with probability 1 / (1 + exp(-s)).
"""

from __future__ import annotations

import random
from math import exp
from pathlib import Path

from crossimage.study.assign import group_for_next, next_handout
from crossimage.study.opening import open_study
from crossimage.study.settings import Settings
from crossimage.study.store import Handout, Store


def judge(
    handout: Handout, strengths: dict[str, float], taste: float, chance: random.Random
) -> int:
    """Return a judge's answer: the place of an option, or a rating."""
    question = handout.question
    right = handout.right_answer()
    if right is not None:  # practice and checks are easy
        return right
    options = [question.options[index].method for index in handout.ordering]
    if question.is_rated:
        return min(5, max(1, round(chance.gauss(3 + strengths[options[0]] + taste, 0.8))))
    if question.group:
        fooled = chance.random() < 1 / (1 + exp(-strengths[question.group] - taste))
        return handout.ordering.index(0 if fooled else 1)
    weights = [exp(strengths[option]) for option in options]
    return chance.choices(range(len(options)), weights)[0]


def simulate(study: Path, strengths: dict[str, float], people: int | None = None) -> int:
    """Let simulated judges answer a study.

    Args:
        study: Folder of the study.
        strengths: The true strength of every method.
        people: Number of judges; None: as many as the study plans for.

    Returns:
        The number of their votes.
    """
    settings, store = open_study(study, for_votes=True)
    chance = random.Random(settings.seed)
    votes = 0
    for _ in range(people or settings.all_people):
        votes += _answer(store, settings, strengths, chance)
    store.close()
    return votes


def _answer(
    store: Store, settings: Settings, strengths: dict[str, float], chance: random.Random
) -> int:
    person = store.join(group_for_next(store))
    taste = chance.gauss(0, 0.2)
    exposures = [1000 * settings.exposure] * 2 if settings.exposure else []
    votes = 0
    while handout := next_handout(store, settings, person):
        place = judge(handout, strengths, taste, chance)
        store.vote(person, handout.token, place, chance.randint(900, 6000), exposures)
        votes += 1
    store.end(person, stopped=False)
    return votes
