"""Names in another case, or misspelt."""

import pytest

from crossimage.utils.names import did_you_mean, look_up


@pytest.mark.parametrize(
    ("name", "names", "index"),
    [
        ("b", ["a", "b"], 1),
        ("B", ["a", "b"], 1),
        ("Male", ["male", "Male"], 1),
        ("MALE", ["male", "Male"], None),
        ("c", ["a", "b"], None),
    ],
)
def test_case_is_ignored_where_that_is_unambiguous(
    name: str, names: list[str], index: int | None
) -> None:
    assert look_up(name, names) == index


def test_the_nearest_name_is_suggested() -> None:
    assert did_you_mean("Munot", ["unit", "munit"]) == "; did you mean 'munit'?"
    assert did_you_mean("shoes", ["unit", "munit"]) == ""
    assert did_you_mean("unique", ["unit"], cutoff=0.9) == ""
