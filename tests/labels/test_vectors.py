import numpy as np
import pytest
import torch

from crossimage.labels import Labels, LabelSet

HAIR = ("Black_Hair", "Blond_Hair")
FACES = LabelSet((*HAIR, "Male"), False)
MOODS = LabelSet(("angry", "happy"), True)
ONE = Labels([FACES], [HAIR])
TWO = Labels([FACES, MOODS], [HAIR])
BLENDS = Labels([FACES, MOODS], [HAIR], blends=True)


def test_a_vector_holds_the_labels_of_every_data_set_and_then_the_mask():
    assert (ONE.size, TWO.size) == (3, 7)
    assert ONE.vector_of(0, (1, 0, 1)) == [1, 0, 1]
    assert TWO.vector_of(0, (1, 0, 1)) == [1, 0, 1, 0, 0, 1, 0]
    assert TWO.vector_of(1, (0, 1)) == [0, 0, 0, 0, 1, 0, 1]


def test_a_label_may_be_asked_for_by_its_name_alone():
    expected = torch.tensor([[0.0, 1, 0, 0, 0, 1, 0]] * 3)
    assert torch.equal(TWO.vectors("Blond_Hair", 3), expected)
    assert torch.equal(TWO.vectors("blond_hair", 3), expected)
    assert TWO.vectors("happy", 1).tolist() == [[0, 0, 0, 0, 1, 0, 1]]


@pytest.mark.parametrize("yes, no", [(1, 0), (True, False), (1.0, 0.0), ("1", "0")])
def test_values_by_name_leave_the_others_off(yes, no):
    assert ONE.vectors({"Male": yes, "Black_Hair": no}, 1).tolist() == [[0, 0, 1]]
    assert ONE.vectors({"male": no}, 1).tolist() == [[0, 0, 0]]


def test_vectors_are_taken_as_they_are():
    one, many = torch.tensor([0.0, 1, 1]), torch.eye(3).int()
    assert torch.equal(ONE.vectors(one, 2), one.expand(2, 3))
    assert torch.equal(ONE.vectors(one[None], 2), one.expand(2, 3))
    assert torch.equal(ONE.vectors(many, 3), torch.eye(3))
    for wrong, found in ((torch.eye(2), r"\(2, 2\)"), (many, r"\(3, 3\)"), (one[:2], r"\(2,\)")):
        with pytest.raises(ValueError, match=rf"\(1 or 2, 3\) of Black_Hair, .*found {found}"):
            ONE.vectors(wrong, 2)
    with pytest.raises(ValueError, match=r"and the mask of 2 data sets, found \(3,\)"):
        TWO.vectors(one, 2)


@pytest.mark.parametrize(
    "to, words",
    [
        ("Blonde_Hair", r"no label 'Blonde_Hair', only .*; did you mean 'Blond_Hair'\?"),
        ("zzz", r"no label 'zzz', only Black_Hair, Blond_Hair, Male, angry, happy$"),
        ({}, "found no label, expected some of Black_Hair"),
        ({"Male": 2}, "the value of Male must be 1 or 0, found 2"),
        ({"Male": "yes"}, "the value of Male must be 1 or 0, found 'yes'"),
        ({"Male": None}, "the value of Male must be 1 or 0, found None"),
        ({"Male": 1, "happy": 1}, "Male, happy belong to different data sets"),
        ({"Black_Hair": 1, "Blond_Hair": 1}, "Black_Hair and Blond_Hair are mutually exclusive"),
        ({"angry": 1, "happy": 1}, "angry and happy are mutually exclusive"),
        ({"angry": 0}, "an image is one of angry, happy; set one of them to 1"),
    ],
)
def test_what_is_wrong_with_a_wish_is_said(to, words):
    with pytest.raises(ValueError, match=words):
        TWO.vectors(to, 1)


def test_every_label_is_switched_in_turn_with_the_others_of_its_group_cleared():
    given = torch.tensor([TWO.vector_of(0, (1, 0, 1))])
    assert [(name, vector.int().tolist()[0]) for name, vector in TWO.switched(given)] == [
        ("Black_Hair", [1, 0, 1, 0, 0, 1, 0]),
        ("Blond_Hair", [0, 1, 1, 0, 0, 1, 0]),
        ("Male", [1, 0, 0, 0, 0, 1, 0]),
        ("angry", [0, 0, 0, 1, 0, 0, 1]),
        ("happy", [0, 0, 0, 0, 1, 0, 1]),
    ]
    assert given.tolist() == [[1, 0, 1, 0, 0, 1, 0]]


def test_attributes_without_a_group_are_toggled():
    labels = Labels([FACES])
    vectors = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    switched = dict(labels.switched(vectors))
    assert switched["Black_Hair"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert switched["Male"].tolist() == [[1, 0, 0], [0, 0, 1]]


def test_names_are_unique_and_groups_known():
    with pytest.raises(ValueError, match="two data sets have a label 'Male'"):
        Labels([FACES, LabelSet(("Male",), False)])
    with pytest.raises(ValueError, match="no label 'Brown_Hair'"):
        Labels([FACES], [("Brown_Hair", "Male")])


@pytest.mark.parametrize(
    "to, vector",
    [
        ({"Male": 0.5, "Black_Hair": "0.25", "Blond_Hair": 0.75}, [0.25, 0.75, 0.5, 0, 0, 1, 0]),
        ({"Black_Hair": 0.25}, [0.25, 0, 0, 0, 0, 1, 0]),
        ({"angry": 0.3, "happy": 0.7}, [0, 0, 0, 0.3, 0.7, 0, 1]),
    ],
)
def test_labels_that_blend_have_values_between(to, vector):
    expected = torch.tensor([vector, vector])
    assert torch.equal(BLENDS.vectors(to, 2), expected)
    assert torch.equal(BLENDS.vectors(expected, 2), expected)


@pytest.mark.parametrize(
    "to, words",
    [
        ({"Male": 1.5}, "the value of Male must be a number from 0 to 1, found 1.5"),
        ({"Male": -0.1}, "the value of Male must be a number from 0 to 1, found -0.1"),
        ({"Male": "nan"}, "the value of Male must be a number from 0 to 1, found 'nan'"),
        ({"Black_Hair": 0.6, "Blond_Hair": 0.6}, "give one of them.*at most 1, found 1.2"),
        ({"angry": 0.5, "happy": 0.75}, "give one of them.*whose values add up to 1, found 1.25"),
        ({"angry": 0.5}, "set one of them to 1, or several to values .* to 1, found 0.5"),
        (torch.full((7,), -0.5), "numbers from 0 to 1, found -0.5 to -0.5"),
    ],
)
def test_the_bounds_of_values_between_are_named(to, words):
    with pytest.raises(ValueError, match=words):
        BLENDS.vectors(to, 1)


def test_labels_that_do_not_blend_are_0_or_1():
    with pytest.raises(ValueError, match="the value of Male must be 1 or 0, found 0.5"):
        ONE.vectors({"Male": 0.5}, 1)
    with pytest.raises(ValueError, match="must hold 1 and 0, and nothing between"):
        ONE.vectors(torch.tensor([0.5, 0.5, 0]), 1)


@pytest.mark.parametrize("to", [1, ["Male"], {1: 1}, None])
def test_what_is_no_target_is_named(to: object) -> None:
    with pytest.raises(ValueError, match="expected a label's name"):
        Labels([LabelSet(("Male", "Young"), False)]).vectors(to, 1)  # type: ignore[arg-type]


def test_vectors_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="numbers from 0 to 1, found nan to nan"):
        Labels([LabelSet(("Male",), False)]).vectors(torch.tensor([float("nan")]), 1)


def test_numbers_of_arrays_are_values_too() -> None:
    labels = Labels([LabelSet(("Male", "Young"), False)])
    assert labels.vectors({"Male": np.int64(1)}, 1).tolist() == [[1.0, 0.0]]
