"""What users may give as a data set."""

from pathlib import Path

import numpy as np
import pytest

from crossimage.data.sources.domains.data_set import as_text, read_data_set, shown


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def folders(*names: str) -> None:
    for name in names:
        Path(name).mkdir(parents=True)


def test_paths_by_name_are_read_from_text_and_from_a_mapping() -> None:
    expected = {"cats": ("a",), "dogs": ("b/c",)}
    assert read_data_set("cats=a,dogs=b/c") == expected
    assert read_data_set(" cats = a , dogs = b/c ") == expected
    assert read_data_set({"cats": "a", "dogs": [Path("b/c")]}) == expected
    assert shown(expected) == "cats=a,dogs=b/c"
    assert read_data_set("~/x") == str(Path("~/x").expanduser())


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (["my,cats", "d"], "cats=my,cats,dogs=d", {"cats": ("my,cats",), "dogs": ("d",)}),
        (["a=b", "c"], "x=a=b,y=c", {"x": ("a=b",), "y": ("c",)}),
        (["x,y=z", "d"], "cats=x,y=z,dogs=d", {"cats": ("x,y=z",), "dogs": ("d",)}),
        (["Hünde, groß", "猫"], "a=Hünde, groß,b=猫", {"a": ("Hünde, groß",), "b": ("猫",)}),
        (["cats=1,dogs=2"], "cats=1,dogs=2", "cats=1,dogs=2"),
        (["t=1", "u"], "t=1,u", "t=1,u"),  # two tables
    ],
)
def test_whatever_exists_is_a_path(names: list[str], text: str, expected: object) -> None:
    folders(*names)
    assert read_data_set(text) == expected


def test_what_can_be_read_in_two_ways_is_refused() -> None:
    folders("x", "z", "x,y=z")
    with pytest.raises(ValueError, match=r"cats=x,y=z can be read as .*rename a folder"):
        read_data_set("cats=x,y=z")
    assert read_data_set({"cats": "x,y=z"}) == {"cats": ("x,y=z",)}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("cats=,dogs=b", "'cats=' is not understood: expected NAME=DIR"),
        ("=a,dogs=b", "'=a' is not understood"),
        ("a,dogs=b", "'a' is not understood"),
        ("cats=a,cats=b", "names the domain cats twice"),
        ({}, "names no domain"),
        ({"cats": []}, "a path or a list of paths of cats, found an empty list"),
        ({"cats": set()}, "found an empty set"),
        ({"cats": {"a", "b"}}, r"found set; if it holds paths, give sorted\(...\)"),
        ({"cats": (path for path in "ab")}, r"found generator; .*sorted\(...\)"),
        ({"cats": Path().glob("*")}, r"found generator; .*sorted\(...\)"),
        ({"cats": {"a": 1}.keys()}, r"found dict_keys; .*sorted\(...\)"),
        ({"cats": np.array(["a"])}, r"found ndarray; .*list\(...\)"),
        ({"cats": b"a"}, "found bytes$"),
        ({"cats": None}, "found NoneType$"),
        ({"cats": [b"a"]}, "a path as text or Path, found bytes"),
        ({"cats": [3]}, "a path of cats: expected a path as text or Path, found int"),
        ({"": "a"}, "the name of a domain must be text"),
        ({"é": "a", "e\u0301": "b"}, "twice"),
        ("", "is empty"),
    ],
)
def test_what_is_wrong_is_said(data: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_data_set(data)


def test_something_else_is_no_data_set() -> None:
    with pytest.raises(TypeError, match="found int"):
        read_data_set(3)


def test_domains_are_told_as_an_option_takes_them() -> None:
    data = read_data_set({"cats": "a", "dogs": ["b"]})
    assert as_text(data) == "cats=a,dogs=b" and read_data_set(as_text(data)) == data
    assert as_text({"cats": ("a", "b"), "dogs": ("c",)}) == "cats=LIST.txt,dogs=c"
