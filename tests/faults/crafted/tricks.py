"""Files without end, by tricks that take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, cycle
from random import Random

from tests.faults.image_mutants import Mutant


def by_turns(
    tricks: Sequence[Callable[[Random], Mutant]], seed: int
) -> Iterator[tuple[str, str, bytes]]:
    """Yield what tricks make.

    Args:
        tricks: Each returns a part of the file's name, and its content.
        seed: Determines the files.

    Yields:
        The number and name of the trick, as a part of the file's name, and what the trick returns.
    """
    random = Random(seed)
    for number, trick in zip(count(), cycle(tricks), strict=False):
        part, data = trick(random)
        yield f"{number}-{trick.__name__.strip('_')}", part, data


def of_texts(
    tricks: Sequence[Callable[[Random, str], str | bytes]], whole: Mapping[str, str], seed: int
) -> Iterator[Mutant]:
    """Yield what tricks make of sound texts.

    Args:
        tricks: Each changes a text.
        whole: The texts by the end of their names.
        seed: Determines the files.
    """
    random = Random(seed)
    for number, trick in zip(count(), cycle(tricks), strict=False):
        name = random.choice(list(whole))
        made = trick(random, whole[name])
        data = made if isinstance(made, bytes) else made.encode("utf-8", "surrogatepass")
        yield f"{number}-{trick.__name__.strip('_')}-{name}", data
