import shutil
from pathlib import Path

import pytest

from crossimage.data.sources.labelled import find_labelled
from crossimage.data.sources.summary import describe_splits
from crossimage.data.sources.tables.attributes import AttributeTable
from crossimage.data.sources.tables.partition import splits_by_folder, tables_of_splits
from crossimage.data.sources.tables.read import find_table, read_table
from tests.data.sources.tables.conftest import Put


def splits(table: AttributeTable) -> dict[str, str]:
    return {row.path.name: row.split for row in table.rows}


FILES = ("a.png", "b.png", "c.png")


@pytest.mark.parametrize("column", ["split", "Partition", "set"])
@pytest.mark.parametrize(
    "cells", [("train", "Valid", "TEST"), ("0", "1", "2"), ("0.0", "1.0", "2.0")]
)
def test_a_column_tells_the_splits(put: Put, column: str, cells: tuple[str, ...]) -> None:
    rows = "".join(f"{file},{cell},1\n" for file, cell in zip(FILES, cells, strict=True))
    table = read_table(put("t.csv", f"file,{column},x\n{rows}", *FILES))
    assert splits(table) == {"a.png": "train", "b.png": "val", "c.png": "test"}
    assert table.columns == ("x",)
    assert table.origin("train") == f"column {column} of t.csv"
    assert [entry.path for entry in table.left_out()] == [str(table.file.parent / "b.png")]


def test_columns_that_may_tell_splits_are_understood_or_refused(put: Put) -> None:
    with pytest.raises(ValueError, match="'split', 'set'|'split' and 'set'; rename all but one"):
        read_table(put("t.csv", "file,split,set\na.png,train,x\n", "a.png"))
    with pytest.raises(ValueError, match="line 2: set is 'blue'; .*rename it if it does not hold"):
        read_table(put("t.csv", "file,set\na.png,blue\n", "a.png"))


def test_earlier_runs_know_the_column_split_alone(put: Put) -> None:
    file = put("t.csv", "file,partition,x\na.png,0,1\nb.png,1,0\n", "a.png", "b.png")
    assert read_table(file, rules=1).columns == ("partition", "x")
    with pytest.raises(ValueError, match="split is 'dev'; expected train, test, val"):
        read_table(put("t.csv", "file,split\na.png,dev\n", "a.png"), rules=1)


@pytest.mark.parametrize("start", ["", "./", "../data/", "{root}/"])
def test_folders_in_the_names_tell_the_splits(put: Put, tmp_path: Path, start: str) -> None:
    start = start.format(root=tmp_path / "data")
    names = ["Train/1.png", "Train/2.png", "dev/1.png", "test/x/1.png"]
    rows = "".join(f"{start}{name},{n % 2}\n" for n, name in enumerate(names))
    table = read_table(put("data/t.csv", f"file,x\n{rows}", *(f"data/{name}" for name in names)))
    found = {f"{row.path.parent.name}/{row.path.name}": row.split for row in table.rows}
    assert found == {
        "Train/1.png": "train", "Train/2.png": "train", "dev/1.png": "val", "x/1.png": "test",
    }  # fmt: skip
    assert len(table.split("train")) == 2 and len(table.split("test")) == 1
    assert table.origin("test") == "folders of the images"


def test_folders_that_all_images_share_tell_nothing() -> None:
    assert not splits_by_folder(["/home/test/x/1.png", "/home/test/y/2.png"]).origin
    assert splits_by_folder(["/home/dev/train/1.png", "/home/dev/test/2.png"]).of == [
        "train",
        "test",
    ]
    assert splits_by_folder(["train\\1.png", "test\\2.png"]).of == ["train", "test"]


def test_earlier_runs_hold_a_tenth_back_whatever_the_folders(put: Put) -> None:
    names = [*(f"train/{n}.png" for n in range(8)), "test/8.png", "test/9.png"]
    rows = "".join(f"{name},{n % 2}\n" for n, name in enumerate(names))
    file = put("t.csv", f"file,x\n{rows}", *names)
    assert [len(read_table(file, rules).split("train")) for rules in (1, 2)] == [9, 8]


def test_a_name_that_images_of_two_splits_have_is_refused(put: Put) -> None:
    file = put("t.csv", "file,x\n1.png,1\n", "train/1.png", "test/1.png")
    with pytest.raises(ValueError, match=r"line 2: 1.png is in train and test; .*column split"):
        read_table(file)


def test_celebas_lists_may_be_csv_files(put: Put, tmp_path: Path) -> None:
    images = [f"img_align_celeba/img_align_celeba/{n}.jpg" for n in range(4)]
    put("list_attr_celeba.csv", "image_id,Male\n0.jpg,1\n1.jpg,-1\n2.jpg,1\n3.jpg,-1\n", *images)
    put("list_eval_partition.csv", "image_id,partition\n0.jpg,0\n1.jpg,0\n2.jpg,1\n3.jpg,2\n")
    put("list_bbox_celeba.csv", "image_id,x_1\n0.jpg,95\n")
    (domain,) = find_labelled(str(tmp_path))
    assert [len(domain.train), len(domain.test)] == [2, 1]
    assert describe_splits([domain])[1] == (
        f"test images: 1 of {tmp_path.name} (list_eval_partition.csv)"
    )
    shutil.rmtree(tmp_path / "img_align_celeba")
    assert find_table(tmp_path) == tmp_path / "list_attr_celeba.csv"


def test_without_splits_what_is_held_back_is_said(put: Put) -> None:
    names = [f"{n}.png" for n in range(20)]
    table = read_table(put("t.csv", "file,x\n" + "".join(f"{n},1\n" for n in names), *names))
    assert (table.origin("train"), table.split("test")) == ("t.csv", [])
    earlier = read_table(table.file, rules=2)
    assert earlier.origin("test") == "t.csv, every tenth image"


def test_tables_of_splits_are_told_by_their_names() -> None:
    train, test = Path("train.csv"), Path("test.csv")
    assert tables_of_splits([train, test]) == {"train": train, "test": test}
    assert tables_of_splits([Path("labels_train.csv"), Path("labels_dev.csv")]) is not None
    for others in (["test.csv"], ["train.csv", "notes.csv"], ["train.csv", "x_train.csv"]):
        assert tables_of_splits([Path(name) for name in others]) is None


def test_a_table_each_for_training_and_tests(put: Put, tmp_path: Path) -> None:
    put("train.csv", "file,x,age\na.png,1,9\nb.png,0,8\n", *FILES, "d.png")
    put("test.csv", "file,x\nc.png,1\n")
    put("val.csv", "file,x\nd.png,1\n")
    (domain,) = find_labelled(str(tmp_path))
    assert [path.name for path in domain.train + domain.test] == ["a.png", "b.png", "c.png"]
    assert domain.test_values == ((1,),)
    assert (domain.train_from, domain.test_from) == ("train.csv", "test.csv")
    (tmp_path / "test.csv").unlink()
    (domain,) = find_labelled(str(tmp_path))
    assert [path.name for path in domain.test] == ["d.png"]
    assert domain.test_from == "val.csv, validation images in place of test images"


def test_a_table_of_tests_without_labels_is_left_out_and_counted(put: Put, tmp_path: Path) -> None:
    put("train.csv", "file,x,y\na.png,1,0\nb.png,0,1\n", *FILES)
    put("test.csv", "file\nc.png\n")
    (domain,) = find_labelled(str(tmp_path))
    assert domain.test == () and [entry.name for entry in domain.left_out] == ["test.csv"]
    put("test.csv", "file,x\nc.png,1\n")
    with pytest.raises(ValueError, match=r"test.csv has no column 'y', which .*train.csv has"):
        find_labelled(str(tmp_path))
    assert find_labelled(str(tmp_path), ["x"])[0].test


def test_a_table_that_contradicts_its_name_is_refused(put: Put, tmp_path: Path) -> None:
    put("train.csv", "file,split,x\na.png,train,1\nb.png,test,0\nd.png,train,0\n", *FILES, "d.png")
    put("test.csv", "file,x\nc.png,1\n")
    with pytest.raises(ValueError, match=r"train.csv, line 3: the split is test by column"):
        find_labelled(str(tmp_path))
    assert len(find_labelled(str(tmp_path / "train.csv"))[0].train) == 2


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\xff", b"\x81\x8d\x8f,0", b"a.png,0\0\0", b"," + b"x" * 200_000]
)
def test_a_list_of_splits_that_is_no_text_is_named(put: Put, content: bytes) -> None:
    path = put("t.csv", "file,x\na.png,1\nb.png,0\n", "a.png", "b.png")
    (path.parent / "list_eval_partition.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"list_eval_partition\.csv"):
        read_table(path)
