"""Messages show values of any size and depth in at most 200 characters."""

from typing import Any

import pytest

from crossimage.config import Config, build
from crossimage.utils.texts.shown import as_sentence, cut, shown

NESTED: list[Any] = []
NESTED.append(NESTED)
kind = lambda value: type(value).__name__  # noqa: E731 - pytest would print the values
WIDE: Any = "y"
for _ in range(9):
    WIDE = [WIDE] * 9


@pytest.mark.parametrize(
    "value",
    [
        "a" * 10**6,
        10**5000,
        NESTED,
        WIDE,
        list(range(10**5)),
        b"x" * 999,
        {"k" * 999: "v" * 999},
        {i: i for i in range(999)},
    ],
    ids=kind,
)
def test_values_are_cut(value: Any) -> None:
    assert len(shown(value)) <= 200


def test_short_values_are_shown_as_they_are() -> None:
    assert (
        shown("a\x1b[2J") == "'a\\x1b[2J'" and shown([1, 2.5]) == "[1, 2.5]" and cut("ab") == "ab"
    )


@pytest.mark.parametrize("value", ["a" * 10**6, 10**400, NESTED, WIDE, {"a": NESTED}], ids=kind)
def test_errors_of_settings_show_no_long_values(value: Any) -> None:
    for key in ("steps", "crop", "learning_rate", "k" * 10**4):
        with pytest.raises(ValueError, match="recipe: ") as caught:
            build(Config, {key: value}, source="recipe")
        assert len(str(caught.value)) < 900


def test_few_of_many_problems_are_named() -> None:
    with pytest.raises(ValueError, match="and 19995 more") as caught:
        build(Config, {f"key{i}": i for i in range(20_000)}, source="recipe")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("held out for sheets: 1 image", "Held out for sheets: 1 image"),
        ("cats has 12 images", "cats has 12 images"),
        ("photos/1.png has no partner", "photos/1.png has no partner"),
        ("report.json is damaged", "report.json is damaged"),
        ("11 of 12 images are small", "11 of 12 images are small"),
    ],
)
def test_messages_become_sentences_unless_they_begin_with_a_name(
    message: str, sentence: str
) -> None:
    assert as_sentence(message, ["cats", "dogs"]) == sentence
