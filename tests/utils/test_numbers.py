"""Numbers from users."""

import pytest

from crossimage.utils.numbers import whole_number


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("-2e2", -200), ("1.50e1", 15), ("0", 0)])
def test_whole_numbers_in_any_notation(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "x", "1.5", "1e-3", "nan", "-inf", "1e400000", "0x10", "1k"])
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        whole_number(text)
