from dataclasses import replace

import pytest

from crossimage.labels import LabelledConfig
from tests.conftest import open_dataset

PLAIN = LabelledConfig(channels=(3,), resize=0, crop=(8, 8), flip=False, batch_size=2, workers=0)


def images(data, *chosen, config=PLAIN):
    return open_dataset(data, replace(config, attributes=chosen), "labelled")


def test_a_comma_in_a_path_that_exists_is_part_of_it(faces):
    moved = faces.rename(faces.parent / "a,b")
    assert images(moved).domains[0].name == "a,b"


def test_what_is_wrong_with_labels_is_said(animals, faces, tmp_path):
    def expect(words, data, *chosen, kind=ValueError):
        with pytest.raises(kind, match=words):
            images(data, *chosen)

    expect(r"no label 'Mail', only age, Male, Young; did you mean 'Male'\?", faces, "Mail")
    expect("no label 'bat', only cat, dog, owl; did you mean 'cat'", animals, "bat")
    expect(r'labels.csv: age holds "20" in line 2; expected 1 or 0', faces, "age")
    expect("animals has none of Male; its labels: cat, dog, owl", f"{animals},{faces}", "Male")
    expect("animals has only the class cat; expected at least two", animals, "cat")
    expect("two data sets are called 'faces'", f"{faces},{faces}")
    expect("there is no .*nowhere; expected a folder or a table", tmp_path / "x/nowhere",
           kind=FileNotFoundError)  # fmt: skip
    expect("a path of .* is empty", f"{faces},")
    (tmp_path / "empty").mkdir()
    expect("empty holds no labels; expected class folders such as", tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (faces / "labels.csv").rename(faces / "a.csv")
    expect("two data sets have a label 'Male'", f"{faces},{faces / 'a.csv'}")
    (animals / "train" / "bat").mkdir()
    expect("train/bat holds no images; expected images of every class", animals)


def test_labels_that_tell_nothing_apart_are_refused(faces):
    table, text = faces / "labels.csv", "file,split,x,age\n"
    for x, word in ((1, "all"), (0, "none")):
        table.write_text(f"{text}0.png,train,{x},20\n1.png,train,{x},20\n10.png,test,0,20\n")
        with pytest.raises(ValueError, match=f"{word} of the training images of faces are x, so"):
            images(faces)
    table.write_text("file,age\n0.png,20\n")
    with pytest.raises(ValueError, match="has no column that holds only 1 and 0"):
        images(faces)
    table.write_text("file,split,x\n10.png,test,0\n")
    with pytest.raises(ValueError, match="names no images to train with"):
        images(faces)
