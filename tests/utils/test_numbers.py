"""Numbers from users."""

import pytest

from crossimage.utils.numbers import digits, whole_number


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("-2e2", -200), ("1.50e1", 15), ("0", 0)])
def test_whole_numbers_in_any_notation(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "x", "1.5", "1e-3", "nan", "-inf", "1e400000", "0x10", "1k"])
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        whole_number(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("123456789", 123456789)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert digits(text) == number


@pytest.mark.parametrize("text", ["", "-1", " 1", "1_0", "\u0663", "\u00b2", "1" * 10, "9" * 5000])
def test_anything_else_is_none(text: str) -> None:
    assert digits(text) is None
