"""Questions of a study, balanced over methods and inputs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

Kind = Literal["trial", "practice", "check", "calibration"]

TEACHING: tuple[Kind, ...] = ("calibration", "practice")
"""Kinds of questions that come first, and after which the right answer is shown."""

REAL = "(real)"
SCRAMBLED = "(scrambled)"
"""Names in the place of a method's: of a real image, and of one whose parts are mixed up."""


@dataclass(frozen=True)
class Option:
    """An image that can be chosen or is rated.

    Attributes:
        method: Name of its method.
        image: Name of its file in the study, without suffix, which says nothing about the method.
    """

    method: str
    image: str


@dataclass(frozen=True)
class Question:
    """A question that several people answer.

    Attributes:
        kind: Whether it counts.
        item: Name of the input, or of the image that is rated.
        options: The images to choose from in a fixed order, or the one that is rated.
        attribute: The target, where there are several.
        input: The image that was translated, as for options; None: not shown.
        group: The method that it belongs to, where a person sees one method only; else empty.
        known: Index of the right option, or the right rating, where there is one.
        wanted: Number of people who answer it; 0: everyone.
        prompt: What is asked instead of the study's question; may be empty.
        turn: Where the cycle of orders of the options begins.
    """

    kind: Kind
    item: str
    options: tuple[Option, ...]
    attribute: str = ""
    input: str | None = None
    group: str = ""
    known: int | None = None
    wanted: int = 0
    prompt: str = ""
    turn: int = 0

    @property
    def key(self) -> str:
        """What tells it from all other questions of a study."""
        methods = "|".join(option.method for option in self.options)
        return "/".join([self.kind, self.group, self.attribute, self.item, methods, self.prompt])

    @property
    def is_rated(self) -> bool:
        """Whether one image is rated, rather than one of several chosen."""
        return len(self.options) == 1


Pair = tuple[str, str]


def choose_pairs(items: Sequence[str], methods: Sequence[str], seed: int) -> list[tuple[str, Pair]]:
    """Return every input with every pair of methods.

    In the beginning of the list, however long, each input and each pair occurs equally often, or
    once more.

    Args:
        items: Names of the inputs.
        methods: Names of the methods.
        seed: Seed of their order.
    """
    pairs = list(combinations(methods, 2))
    order = random.Random(f"{seed} pairs").sample(list(items), len(items))
    return [
        (item, pairs[(index + turn) % len(pairs)])
        for turn in range(len(pairs))
        for index, item in enumerate(order)
    ]


def ordering(options: int, turn: int, reverse: bool) -> list[int]:
    """Return an order of options; over consecutive turns each is equally often in each place."""
    order = [(place + turn) % options for place in range(options)]
    return order[::-1] if reverse else order
