import os
import unicodedata

import pytest

from crossimage.data.sources.tables.columns import read_labels
from crossimage.data.sources.tables.read import find_table, read_table


def named(rows):
    return [row.path.stem for row in rows]


def test_a_csv_table_tells_attributes_and_splits(put):
    text = "split,Male,file,age\ntrain,1,a.png,18\n\ntest,-1,b.png,30\nval,0,c.png,41\n"
    table = read_table(put("t.csv", text, "a.png", "b.png", "c.png"))
    assert table.columns == ("Male", "age")
    assert [row.cells for row in table.rows] == [("1", "18"), ("-1", "30"), ("0", "41")]
    assert named(table.split("train")) == ["a"] and named(table.split("test")) == ["b"]


def test_val_stands_in_for_test(put):
    table = read_table(put("t.csv", "file,split\na.png,train\nb.png,val\n", "a.png", "b.png"))
    assert named(table.split("test")) == ["b"]


def test_celebas_format_is_read_whatever_its_count_line_says(put):
    images = [f"img_align_celeba/{n}.jpg" for n in range(3)]
    rows = "0.jpg -1  1\n1.jpg  1 -1\n2.jpg 1 1\n"
    for count in ("3\n", "a broken line of several words\n", ""):
        table = read_table(put("list_attr_celeba.txt", f"{count}Young Male\n{rows}", *images))
        assert table.columns == ("Young", "Male")
        labels = read_labels(table, ["Male", "Young"])
        assert [*labels.values.values()] == [(1, 0), (0, 1), (1, 1)]
    assert table.rows[0].path.parent.name == "img_align_celeba"


def test_celebas_partition_tells_the_splits(put):
    images = [f"Img/img_align_celeba/{n}.jpg" for n in range(3)]
    put("Eval/list_eval_partition.txt", "0.jpg 2\n1.jpg 0\n2.jpg 1\n9.jpg 0\n")
    text = "3\nMale\n0.jpg 1\n1.jpg 1\n2.jpg -1\n"
    file = put("Anno/list_attr_celeba.txt", text, *images)
    table = read_table(file)
    assert named(table.split("train")) == ["1"] and named(table.split("test")) == ["0"]
    put("Eval/list_eval_partition.txt", "0.jpg 2\n1.jpg 5\n")
    with pytest.raises(ValueError, match=r"says '5' for 1.jpg \(.*txt, line 4\); expected 0, 1"):
        read_table(file)
    put("Eval/list_eval_partition.txt", "0.jpg 2\n1.jpg 0\n")
    with pytest.raises(ValueError, match=r"says 'nothing' for 2.jpg"):
        read_table(file)


def test_the_folder_tells_the_split_where_the_table_does_not(put):
    text = "image,x\na.png,1\nb.png,0\nc.png,1\n"
    table = read_table(put("t.csv", text, "train/a.png", "test/b.png", "images/c.png"))
    assert named(table.split("train")) == ["c", "a"] and named(table.split("test")) == ["b"]


def test_images_of_one_name_are_told_apart_by_the_split(put):
    text = "file,split,x\n1.png,test,1\n1.png,train,0\n"
    table = read_table(put("t.csv", text, "train/1.png", "test/1.png"))
    for split in ("train", "test"):
        ((path,), (value,)) = zip(
            *[(row.path.parent.name, row.cells[0]) for row in table.split(split)], strict=True
        )
        assert (path, value) == (split, str(int(split == "test")))


def test_earlier_rules_keep_a_tenth_for_tests_evenly_spread(put):
    images = [f"{n:02}.png" for n in range(40)]
    rows = [f"{image},{n % 2}\n" for n, image in enumerate(images)]
    table = read_table(put("t.csv", "file,x\n" + "".join(rows[::-1]), *images))
    assert len(table.split("train")) == 40
    table = read_table(table.file, rules=2)
    assert named(table.split("test")) == ["05", "15", "25", "35"]
    assert sorted(named(table.split("train") + table.split("test"))) == [i[:2] for i in images]


@pytest.mark.parametrize(
    "text, words",
    [
        ("file,x\na.png,1\na.png,0\n", r"line 3: .*a.png is already in line 2, with different val"),
        ("file,x\na.png,1\n./a.png,1\n", r"line 3: .*a.png is already in line 2, with the same"),
        (
            "a.png,1,0\nb.png,0,1\n",
            r"no header line: line 1 already describes the image a.png; "
            "write the names of the columns above it, such as file,label1,label2",
        ),
        ("x,y\na.png,a.png\n", r"names images in several columns, x and y; call the one .* 'file'"),
        ("file,x,y\na.png,1\n", r"line 2 has 2 columns; expected 3: file, x, y"),
        ("file,x\na.png,1,1\n", r"line 2 has 3 columns; expected 2"),
        ("file,x,x\na.png,1,1\n", r"has two columns 'x'"),
        ("file,x\n", r"names no images"),
        ("", r"names no images"),
        ("file,x\nnotes.txt,1\n", r"line 2: 'notes.txt' is not an image; expected .*\.png"),
        ("file,split\na.png,fold1\n", r"line 2: split is 'fold1'; expected train, val or test"),
        ("split\ntrain\n", r"'train' is not an image"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(put, text, words):
    file = put("t.csv", text, "a.png")
    with pytest.raises(ValueError, match=words) as error:
        read_table(file)
    assert str(file) in str(error.value)


def test_missing_images_are_counted(put):
    file = put("t.csv", "file,x\na.png,1\nb.png,1\nc.png,0\n", "a.png")
    with pytest.raises(FileNotFoundError, match=r"line 3: there is no image b.png .*\(2 of 3"):
        read_table(file)


def test_a_file_that_is_no_table_is_refused(put, tmp_path):
    put("a.csv", "", "a.png")
    (tmp_path / "b.csv").write_bytes((tmp_path / "a.png").read_bytes())
    for name in ("a.png", "b.csv"):
        with pytest.raises(ValueError, match=f"{name} is not a table"):
            read_table(tmp_path / name)
    with pytest.raises(ValueError, match="c.txt has no header line before its first image"):
        read_table(put("c.txt", "a.png 1\n"))


def test_a_folder_has_one_table(put, tmp_path):
    assert find_table(tmp_path) is None
    one = put("Anno/list_attr_celeba.txt", "")
    put("Anno/notes.txt", "")
    assert find_table(tmp_path) == one
    put("t.csv", "")
    with pytest.raises(ValueError, match=r"several tables, t.csv and Anno/list_attr_celeba.txt"):
        find_table(tmp_path)


@pytest.mark.parametrize("column", ["file", "photo", "Image_ID"])
def test_images_may_be_named_in_any_column(put, column):
    table = read_table(
        put("t.csv", f"x,{column},name\n1,a.png,Ann\n0,b.png,Ben\n", "a.png", "b.png")
    )
    assert table.columns == ("x", "name") and named(table.rows) == ["a", "b"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_paths_of_other_systems_are_found(put, form, tmp_path):
    text = (
        f"file,x\nsub\\a.png,1\n{unicodedata.normalize(form, 'ö.png')},0\n{tmp_path / 'c.png'},1\n"
    )
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "ö.png")
    table = read_table(put("t.csv", text, "sub/a.png", other, "c.png"))
    assert {row.path for row in table.rows} == {
        tmp_path / "sub" / "a.png", tmp_path / other, tmp_path / "c.png",
    }  # fmt: skip


def test_a_name_for_the_images_may_stand_in_a_table_separated_by_spaces(put):
    table = read_table(put("t.txt", "2\nimage x\na.png 1\nb.png -1\n", "a.png", "b.png"))
    assert table.columns == ("x",) and named(table.rows) == ["a", "b"]


def test_images_that_the_table_does_not_name_are_counted(put):
    table = read_table(put("t.csv", "file,x\na.png,1\n", "a.png", "b.png", "other/c.png"))
    assert table.unlisted == 1


def test_earlier_rules_take_the_first_line_for_names_and_the_first_column_for_images(put):
    table = read_table(put("t.csv", "a.png,1\nb.png,0\n", "a.png", "b.png"), rules=1)
    assert table.columns == ("1",) and named(table.rows) == ["b"]
    file = put("u.csv", "")
    file.write_bytes("ö".encode("cp1252"))
    with pytest.raises(ValueError, match="is not a table"):
        read_table(file, rules=1)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("again", ["x/../a.png", "./a.png", "link.png", "folder/a.png"])
def test_an_image_may_have_one_line_however_it_is_named(put, tmp_path, again):
    file = put("t.csv", f"file,smile\na.png,1\nx/b.png,0\n{again},0\n", "a.png", "x/b.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "folder").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r"line 4: .* is already in line 2, with different"):
        read_table(file)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_list_of_splits_is_read_like_a_table(put, tmp_path, separator, encoding):
    file = put("t.csv", "file,smile\né.png,1\nb.png,0\n", "é.png", "b.png")
    text = "image_id,partition\né.png,2\nb.png,0\n".replace(",", separator)
    (tmp_path / "list_eval_partition.csv").write_bytes(text.encode(encoding))
    table = read_table(file)
    assert named(table.split("train")) == ["b"] and named(table.split("test")) == ["é"]
