"""Numbers from users."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

_MAX_DIGITS = 18


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
