import pytest

from crossimage.labels import Labels, LabelSet, parse_target


def test_a_target_is_a_name_or_values_by_name():
    assert parse_target("Blond_Hair") == "Blond_Hair"
    assert parse_target("Male=1, Blond_Hair=0") == {"Male": "1", "Blond_Hair": "0"}
    for text, part in (("Male=1,Young", "Young"), ("Male=", "Male="), ("=1", "=1")):
        with pytest.raises(ValueError, match=f"'{part}' is not understood: expected name=value, "):
            parse_target(text)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("hair=blond", "hair=blond"),
        ("a,b", "a,b"),
        ("hair=blond=1,Male=0", {"hair=blond": "1", "Male": "0"}),
        ('"a,b"=1, Male=0', {"a,b": "1", "Male": "0"}),
        ('"a,b"', "a,b"),
        ('"a ""b"""=0', {'a "b"': "0"}),
        ('6"=1,Male=1', {'6"': "1", "Male": "1"}),
    ],
)
def test_labels_with_signs_in_their_names_may_be_asked_for(text, expected):
    names = ("hair=blond", "a,b", "Male", '6"', 'a "b"')
    assert parse_target(text, names) == expected
    labels = Labels([LabelSet(names, False)])
    assert labels.vectors(parse_target(text, names), 1).shape == (1, 5)
