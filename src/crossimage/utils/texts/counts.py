"""Numbers and lists of things in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """Return ``1 image`` or ``1,200 images``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def verb(number: int, plural: str) -> str:
    """Return the form of a verb for a number of subjects.

    Args:
        number: The number.
        plural: The verb as ``they`` takes it: ``are``, ``have``, or a regular one such as ``look``.
    """
    if number != 1:
        return plural
    return {"are": "is", "have": "has"}.get(plural, f"{plural}s")


def listed(names: Sequence[str]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
