"""Numbers from users."""

import numpy as np
import pytest

from crossimage.utils.numbers import digits, evenly_spaced, whole, whole_number


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


def test_integers_of_any_type_are_accepted_and_others_refused() -> None:
    assert whole(np.int64(3), "samples") == 3 and isinstance(whole(np.int64(3), "samples"), int)
    with pytest.raises(ValueError, match=r"samples must be a whole number, found 2\.5"):
        whole(2.5, "samples")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="samples must be at least 1, found 0"):
        whole(0, "samples", 1)


def test_indices_are_spread_evenly() -> None:
    assert evenly_spaced(10, 4) == [0, 2, 5, 7]
    assert evenly_spaced(3, 5) == evenly_spaced(3, None) == [0, 1, 2]
