"""Names in another case, or misspelt."""

import pytest

from crossimage.utils.names import did_you_mean, look_up, titles_of


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


def test_titles_are_the_shortest_ends_of_paths_that_tell_runs_apart() -> None:
    assert titles_of(["runs/munit"]) == ["munit"]
    assert titles_of(["runs/munit", "runs/unit/"]) == ["munit", "unit"]
    assert titles_of(["a/x", "b/x", "c/y"]) == ["a/x", "b/x", "y"]
    assert titles_of(["x", "a/x", "."]) == ["x", "a/x", "."]
    assert titles_of(["a/x", "a/x"]) == ["a/x", "a/x"]
