import pytest

from crossimage.config import Facts, build, to_dict
from crossimage.labels import LabelledConfig, LabelSet

FACTS = Facts(("Male", "angry", "happy"), epoch=9, label_sets=(1, 2), categorical=(False, True))


def test_a_config_completed_by_facts_makes_the_labels_of_all_data_sets() -> None:
    config = build(LabelledConfig, {"attributes": "male,angry,happy"}).complete(FACTS)
    assert config.attributes == config.domains == config.labels.names
    assert config.labels.sets == (LabelSet(("Male",), False), LabelSet(("angry", "happy"), True))
    assert config.labels.size == 5


def test_exclusive_attributes_are_groups_of_the_labels() -> None:
    settings = {"attributes": "Black_Hair,Blond_Hair,Male", "exclusive": "black_hair,blond_hair"}
    assert build(LabelledConfig, settings).labels.groups == [("Black_Hair", "Blond_Hair")]
    with pytest.raises(ValueError, match=r"at least two labels.*found a group of 1: Male"):
        build(LabelledConfig, settings, {"exclusive": [["Male"]]})


def test_domains_that_are_not_the_labels_of_the_data_are_refused() -> None:
    config = build(LabelledConfig, {"domains": "Male,Young"})
    with pytest.raises(ValueError, match=r"domains=Male,Young are not the labels .*angry, happy"):
        config.complete(FACTS)


def test_label_sets_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit the 2 labels Male, Young"):
        build(LabelledConfig, {"domains": "Male,Young", "label_sets": [1]})


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"gender": "F"}, {"gender": ("F",)}),
        ({"edema": "0,-1"}, {"edema": ("0", "-1")}),
        ({"edema": [0, -1]}, {"edema": ("0", "-1")}),
        ({"x": True}, {"x": ("true",)}),
        ({"a": {"b": 1}}, {"a.b": ("1",)}),
        ("F", {"*": ("F",)}),
    ],
)
def test_what_counts_as_1_may_be_written_in_several_ways(given, expected):
    config = build(LabelledConfig, {"positive": given})
    assert config.positive == expected
    assert build(LabelledConfig, to_dict(config)) == config


def test_an_unknown_label_is_refused_with_what_to_do():
    assert build(LabelledConfig, {"missing": "skip"}).missing == "skip"
    with pytest.raises(ValueError, match="the mask tells data sets apart.*use skip"):
        build(LabelledConfig, {"missing": "unknown"})
