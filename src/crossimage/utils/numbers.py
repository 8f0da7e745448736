"""Numbers from users and files."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

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
