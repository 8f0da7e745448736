from pathlib import Path

import pytest

from crossimage.data.sources.split_names import one_of, split_folders, split_in, split_of


@pytest.mark.parametrize(
    "name, split",
    [
        ("train", "train"), ("TRAIN", "train"), ("Training", "train"),
        ("val", "val"), ("valid", "val"), ("Validation", "val"), ("dev", "val"),
        ("test", "test"), ("Test", "test"), ("testing", "test"),
        ("trains", None), ("testA", None), ("DIV2K_train_HR", None),
    ],
)  # fmt: skip
def test_whole_names_of_splits(name: str, split: str | None) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize(
    "name, split",
    [("DIV2K_train_HR", "train"), ("DIV2K_valid_HR", "val"), ("train2014", "train"),
     ("images-test", "test"), ("latest", None), ("test_of_train", None)],
)  # fmt: skip
def test_words_in_names(name: str, split: str | None) -> None:
    assert split_in(name) == split


@pytest.mark.parametrize("name", ["trainA", "TrainA", "TRAIN_A", "train-a", "traina"])
def test_letters_of_domains(name: str) -> None:
    assert split_folders([name]) == {("train", "A"): [name]}


def test_other_names_have_no_letters() -> None:
    assert split_folders(["trains", "trainAB", "valet", "tests", "devA"]) == {
        ("val", "A"): ["devA"]
    }


def test_several_names_of_one_split_are_kept_apart_or_refused() -> None:
    assert split_folders(["valid", "val"]) == {("val", ""): ["val", "valid"]}
    with pytest.raises(ValueError, match="data holds val and valid, which mean the same"):
        one_of([Path("data/val"), Path("data/valid")])


def test_earlier_runs_know_three_names() -> None:
    names = ["train", "Test", "valid", "trainA", "test_B", "valC"]
    assert [*split_folders(names, 1)] == [("train", ""), ("train", "A"), ("val", "C")]
