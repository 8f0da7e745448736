from dataclasses import replace

import pytest
from PIL import Image

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


def test_labels_that_tell_nothing_apart_are_refused(animals, faces):
    table, text = faces / "labels.csv", "file,split,x,age\n"
    for x, word in ((1, "all"), (0, "none")):
        table.write_text(f"{text}0.png,train,{x},20\n1.png,train,{x},20\n10.png,test,0,20\n")
        with pytest.raises(ValueError, match=f"{word} of the training images of faces are x, so"):
            images(faces)
    table.write_text("file,split,x,y\n0.png,train,1,1\n1.png,train,0,1\n")
    with pytest.raises(ValueError, match="are y, .*; leave it out with attributes=cat,dog,owl,x$"):
        images(f"{animals},{faces}")
    table.write_text("file,split,x,y\n0.png,train,1,F\n1.png,train,0,M\n10.png,train,0,M\n")
    with pytest.raises(ValueError, match="attributes=A,B,..., the labels of all data sets"):
        images(f"{animals},{faces}")
    table.write_text("file,age\n0.png,20\n")
    with pytest.raises(ValueError, match="has no column that holds only 1 and 0"):
        images(faces)
    table.write_text("file,split,x\n10.png,test,0\n")
    with pytest.raises(ValueError, match="names no images to train with"):
        images(faces)


@pytest.mark.parametrize("column", ["is_test", "Train", "test set", "fold", "is-validation"])
def test_a_column_that_may_mark_test_images_is_a_question(tmp_path, column):
    def write(header, *rows):
        for number in range(len(rows)):
            Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(tmp_path / f"{number}.png")
        lines = [header, *(f"{number}.png,{row}" for number, row in enumerate(rows))]
        (tmp_path / "labels.csv").write_text("\n".join(lines))

    write(f"file,smiling,{column}", "1,0", "0,0", "1,1", "0,1")
    with pytest.raises(ValueError, match=f"the column '{column}' may mark the images to test with"):
        images(tmp_path)
    assert images(tmp_path, "smiling").domains[0].label_set.names == ("smiling",)
    write(f"file,split,smiling,{column}", "train,1,0", "train,0,1", "test,1,1")
    assert images(tmp_path).domains[0].label_set.names == ("smiling", column)


def test_class_folders_with_a_table_beside_them_are_a_question(animals):
    (animals / "labels.csv").write_text("file,striped\n")
    with pytest.raises(ValueError, match=r"class folders, such as .*train/cat, and a table, .*"
                       "animals/labels.csv; .* give its path"):  # fmt: skip
        images(animals)
    assert images(animals, config=replace(PLAIN, data_rules=1)).domains[0].label_set.categorical
    (animals / "labels.csv").rename(animals.parent / "labels.csv")
    assert images(animals).domains[0].label_set.names == ("cat", "dog", "owl")


@pytest.mark.parametrize(
    "name, words",
    [("all", "stands for every label"), ("ä" * 150, "has more than 200 bytes"),
     ("a\x07", "that can't be typed")],
)  # fmt: skip
def test_a_label_that_cannot_be_asked_for_is_refused(faces, name, words):
    text = (faces / "labels.csv").read_text()
    (faces / "labels.csv").write_text(text.replace("Young", name))
    with pytest.raises(ValueError, match=f"labels.csv has a label '.*', which .*{words}.*; rename"):
        images(faces)
    assert len(images(faces, config=replace(PLAIN, data_rules=1)).domains[0].label_set.names) == 2


def test_labels_that_differ_only_by_case_are_refused_unless_one_is_chosen(faces):
    text = (faces / "labels.csv").read_text()
    (faces / "labels.csv").write_text(text.replace("Young", "MALE"))
    with pytest.raises(ValueError, match="labels 'Male' and 'MALE', which differ only in"):
        images(faces)
    assert images(faces, "MALE").domains[0].label_set.names == ("MALE",)


def test_a_setting_for_a_column_that_no_table_has_is_refused(faces, animals):
    with pytest.raises(ValueError, match="positive.Yung: no table has a column 'Yung'; did you me"):
        images(faces, config=replace(PLAIN, positive={"Yung": ("1",)}))
    config = replace(PLAIN, positive={"young": ("0",)}, attributes=("Young", "cat", "dog"))
    several = open_dataset(f"{animals},{faces}", config, "labelled")
    assert several.domains[1].values[0] == (1,)


def test_how_labels_were_read_and_their_counts_are_told(faces, animals):
    assert images(f"{animals},{faces}").describe_labels() == [
        "classes of animals (train): cat 2, dog 2, owl 2",
        "classes of animals (test): cat 1, dog 1, owl 1",
        "faces: labels.csv is UTF-8, separated by commas.",
        "faces: not used: age (12 different values).",
        "attributes of faces (train): Male 5 yes / 5 no, Young 4 yes / 6 no",
        "attributes of faces (test): Male 1 yes / 1 no, Young 2 yes / 0 no",
    ]
