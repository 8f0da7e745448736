"""Numbers from users and files, and evenly spaced ones."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from operator import index
from typing import SupportsIndex

from crossimage.utils.texts.shown import shown

_MAX_DIGITS = 18


def digits(text: str, most: int = 9) -> int | None:
    """Return the number that digits from 0 to 9 stand for.

    Args:
        text: The digits.
        most: Largest number of digits.

    Returns:
        The number; None if the text is empty, longer, or has anything else in it.
    """
    return int(text) if len(text) <= most and text.isascii() and text.isdecimal() else None


def whole_number(text: str) -> int:
    """Read a whole number, also one in the notation of floating-point numbers such as ``1e5``.

    Raises:
        ValueError: It is not a whole number, or has more than 18 digits.
    """
    try:
        number = Decimal(text.strip())
        if number.is_finite() and number.adjusted() < _MAX_DIGITS and number == int(number):
            return int(number)
    except InvalidOperation:
        pass
    raise ValueError("expected a whole number, such as 100000 or 1e5")


def whole(value: SupportsIndex, name: str, least: int | None = None) -> int:
    """Convert an integer of any type to ``int``.

    Args:
        value: The integer, such as NumPy's.
        name: Its name in the error message.
        least: The smallest value allowed.

    Raises:
        ValueError: It is not an integer, or smaller than ``least``.
    """
    try:
        number = index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, found {shown(value)}") from None
    if least is not None and number < least:
        raise ValueError(f"{name} must be at least {least}, found {shown(number)}")
    return number


def evenly_spaced(total: int, count: int | None) -> list[int]:
    """Return ``count`` of ``total`` indices, evenly spaced; all if there are not more."""
    if count is None or count >= total:
        return list(range(total))
    return [index * total // count for index in range(count)]


def check_fraction(value: object, name: str) -> None:
    """Refuse what is not a number from 0 to 1.

    Raises:
        ValueError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, found {shown(value)}")


def seed_number(seed: SupportsIndex) -> int:
    """Return a seed as a number.

    Raises:
        ValueError: It is not an integer or needs more than 64 bits.
    """
    number = whole(seed, "seed")
    if not -(2**63) <= number < 2**64:
        raise ValueError(f"seed must have at most 64 bits, found {shown(number)}")
    return number
