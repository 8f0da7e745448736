"""Numbers of things in sentences, in the singular where there is one."""

from __future__ import annotations


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
