import pytest

from crossimage.utils.texts.counts import counted, listed, verb


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 images have"), (1, "1 image has"), (1200, "1,200 images have")],
)
def test_one_thing_is_in_the_singular(number: int, said: str) -> None:
    assert f"{counted(number, 'image')} {verb(number, 'have')}" == said


def test_regular_verbs_take_an_s() -> None:
    assert (verb(1, "look"), verb(2, "look"), verb(1, "are")) == ("looks", "look", "is")


def test_the_last_of_several_names_follows_an_and() -> None:
    assert [listed(list(names)) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
