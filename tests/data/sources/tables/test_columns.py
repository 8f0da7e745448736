from itertools import product

import pytest
from PIL import Image

from crossimage.data.sources.tables.columns import read_labels
from crossimage.data.sources.tables.read import read_table
from crossimage.labels import LabelValues


@pytest.fixture
def read(tmp_path):
    """Read a table of columns by name; returns its labels."""

    def write(columns, chosen=(), rules=2, **values):
        count = len(next(iter(columns.values())))
        lines = [",".join(["file", *columns])]
        for number, cells in zip(range(count), zip(*columns.values(), strict=True), strict=True):
            Image.new("RGB", (8, 8)).save(tmp_path / f"{number:03}.png")
            lines.append(",".join([f"{number:03}.png", *(f'"{cell}"' for cell in cells)]))
        (tmp_path / "t.csv").write_text("\n".join(lines))
        table = read_table(tmp_path / "t.csv", rules)
        return read_labels(table, chosen, LabelValues(**values), rules)

    return write


def values(labels, name):
    at = labels.names.index(name)
    return [labels.values[row.path][at] for row in labels.table.rows]


ONES_AND_ZEROS = [1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    "one, zero",
    [("1", "0"), ("1.0", "0.0"), ("1,0", "0,0"), ("1", "-1"), ("+1", " -1 "), ("True", "FALSE"),
     ("yes", " No"), ("Y", "n"), ("T", "F"), ("1", "-1.0"), ("1e0", "0")],
)  # fmt: skip
def test_a_column_may_use_any_pair_of_words_for_yes_and_no(read, one, zero):
    labels = read({"x": [one if value else zero for value in ONES_AND_ZEROS]})
    assert values(labels, "x") == ONES_AND_ZEROS


def test_spellings_of_a_word_are_one_value(read):
    assert values(read({"x": ["1", "0.0", "1.00", "0", "1,0"]}), "x") == [1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    "cells, found",
    [
        ("1 0 -1 0 1", r'x holds "-1" \(1\), first in line 4, beside "0" \(2\) and "1" \(2\);'),
        ("1 0 2 0 1", r'x holds "2" \(1\), first in line 4'),
        ("yes no Maybe no maybe", r'x holds "Maybe" \(2\), first in line 4'),
        ("yes no y n yes", r'x holds "n" \(1\) and "y" \(1\), first in line 4'),
        ("1 0 true 0 false", r'x holds "false" \(1\) and "true" \(1\), first in line 4'),
        ("1 0 1 0 1 0 1 0 1 0 O l", r'x holds "l" \(1\) and "O" \(1\), first in line 12'),
        ("1 2 1 2 2", r'x holds "1" \(2\) and "2" \(3\), and nothing says .* positive.x=1 or'),
        ("M F M F F", r'x holds "F" \(3\) and "M" \(2\), .* positive.x=F or positive.x=M'),
        ("0 -1 0 -1 0", r'x holds "-1" \(2\) and "0" \(3\)'),
        ("yes false yes false yes", r'x holds "false" \(2\) and "yes" \(3\)'),
    ],
)
def test_a_column_that_is_almost_a_label_stops_with_the_ways_out(read, cells, found):
    cells = cells.split()
    fine = [str(n % 2) for n, _ in enumerate(cells)]
    with pytest.raises(ValueError, match=rf"t.csv: {found}") as error:
        read({"fine": fine, "x": cells})
    assert "or leave it out with attributes=fine" in str(error.value)
    assert read({"fine": fine, "x": cells}, ["fine"]).names == ("fine",)


def test_a_value_beside_1_and_0_may_be_missing_or_count_as_either(read):
    columns = {"x": ["1", "0", "-1", "0", "1"]}
    skipped = read(columns, positive={"x": ["1"]}, negative={"x": ["0"]}, missing="skip")
    assert values(skipped, "x") == [1, 0, 0, 1] and len(skipped.values) == 4
    assert "left out for lack of a value: 1 of 5 images (x 1)" in skipped.notes
    zeros = read(columns, positive={"x": ["1"]}, negative={"x": ["0", "-1"]})
    assert values(zeros, "x") == [1, 0, 0, 0, 1]
    ones = read(columns, positive={"x": ["1", "-1"]})
    assert values(ones, "x") == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("blank", ["", " ", "NA", "NaN", "null", "None", "?"])
def test_blank_cells_stop_unless_their_images_are_left_out(read, blank):
    columns = {"x": ["1", "0", blank, "0", blank], "y": ["1", "0", "1", "0", "1"]}
    with pytest.raises(ValueError, match=r"x holds .* in line 4, and no value in 2 of 5 lines; set "
                       "missing=skip .*, or leave the column out with attributes=y"):  # fmt: skip
        read(columns)
    assert values(read(columns, missing="skip"), "x") == [1, 0, 0]
    assert len(read(columns, ["y"]).values) == 5


def test_what_counts_as_1_can_be_said_for_a_column_of_two_values(read):
    columns = {"sex": ["M", "F", "f", "M"], "n": ["1", "2", "2", "1"], "yes": ["1", "0", "1", "1"]}
    labels = read(columns, positive={"SEX": ["F"], "n": ["1.0"]})
    assert values(labels, "sex") == [0, 1, 1, 0] and values(labels, "n") == [1, 0, 0, 1]
    assert values(labels, "yes") == [1, 0, 1, 1]
    assert "sex: F is 1, M is 0; n: 1 is 1, 2 is 0" in labels.notes
    everywhere = read({"sex": columns["sex"]}, positive={"*": ["M"]})
    assert values(everywhere, "sex") == [1, 0, 0, 1]


def test_yes_and_no_may_be_reversed_though_yaml_reads_them_as_true_and_false(read):
    assert values(read({"x": ["yes", "no", "no"]}, positive={"x": ["false"]}), "x") == [0, 1, 1]


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"positive": {"x": ["z"]}}, r'positive.x: .*t.csv holds no "z" in x, only "a" \(2\) and'),
        ({"positive": {"x": ["a"]}}, r'x holds "b" \(1\) and "c" \(1\); say which .* negative.x=b'),
        ({"positive": {"x": ["a"]}, "negative": {"x": ["A"]}}, '"a" is in positive.x and in'),
    ],
)
def test_settings_that_do_not_fit_a_column_are_refused(read, settings, words):
    with pytest.raises(ValueError, match=words):
        read({"x": ["a", "a", "b", "c"]}, **settings)


def test_columns_that_are_no_labels_are_listed(read):
    columns = {
        "smiling": [str(n % 2) for n in range(20)],
        "age": [str(20 + n) for n in range(20)],
        "note": [f"free text {n}" for n in range(20)],
        "at": [f"{n / 7:.3f}" for n in range(20)],
        "hair": ["red", "brown", "black", "gray"] * 5,
        "empty": [""] * 20,
    }
    labels = read(columns)
    assert labels.names == ("smiling",)
    assert labels.notes[-1] == (
        "not used: age (20 different values), note (20 different values), at (20 different values),"
        " hair (black, brown, gray, red), empty (empty)"
    )
    with pytest.raises(ValueError, match=r't.csv: age holds "20" in line 2; expected 1 or 0 '
                       r"\(20 different values in all\); .*positive.age"):  # fmt: skip
        read(columns, ["age"])
    others = ["black", "gray", "brown"]
    labels = read(columns, positive={"hair": ["red"]}, negative={"hair": others})
    assert sum(values(labels, "hair")) == 5
    with pytest.raises(ValueError, match="no column that holds only 1 and 0.*; not used: age"):
        read({"age": columns["age"]})


def test_a_label_without_a_name_is_refused_and_a_running_number_is_not_used(read):
    yes = ["1", "0", "1"]
    with pytest.raises(ValueError, match="column 2 holds labels but has no name"):
        read({"": yes, "x": yes})
    labels = read({"": ["7", "8", "9"], "x": yes})
    assert labels.names == ("x",) and "not used: column 2 (7, 8, 9)" in labels.notes


def test_thousands_of_columns_are_read(read):
    columns = {f"a{n}": ["1", "0", "1", "0"] for n in range(3000)}
    labels = read(columns | {f"b{n}": ["1", "2", "3", "4"] for n in range(3000)})
    assert len(labels.names) == 3000
    assert "not used: b0 (1, 2, 3, 4), b1" in labels.notes[-1] and "2,980 more" in labels.notes[-1]


def test_earlier_rules_read_every_column_of_1_and_0_and_minus_1(read):
    columns = {"x": ["1", "0", "-1"], "y": ["1.0", "0", "1"], "z": ["yes", "-1", "true"]}
    labels = read(columns, rules=1)
    assert labels.names == ("x", "z") and not labels.notes
    assert (values(labels, "x"), values(labels, "z")) == ([1, 0, 0], [1, 0, 1])
    with pytest.raises(ValueError, match=r't.csv: y holds "1.0" in line 2; expected 1 or 0'):
        read(columns, ["y"], rules=1)
    with pytest.raises(ValueError, match="has no column that holds only 1 and 0"):
        read({"y": columns["y"]}, rules=1)


@pytest.mark.parametrize("one, zero", [*product(["1", "yes", "Y"], ["0", "no", "f"])])
def test_no_pair_of_words_is_ever_merged_or_dropped_in_silence(read, one, zero):
    columns = {"x": [one, zero, one, zero]}
    if (one, zero) in {("1", "0"), ("yes", "no")}:
        assert values(read(columns), "x") == [1, 0, 1, 0]
    else:
        with pytest.raises(ValueError, match="nothing says which counts as 1"):
            read(columns)


def test_ways_out_are_written_as_the_command_line_takes_them(read):
    columns = {"wavy hair": ["F", "M", "M"], "x": ["1", "0", "1"], "a": ["1", "0", "1"]}
    with pytest.raises(ValueError, match="set 'positive.wavy hair=F' or .* attributes=x,a$"):
        read(columns)
    assert values(read(columns, positive={"wavy hair": ["F"]}), "wavy hair") == [1, 0, 0]
    columns = {"long-hair": ["F", "M", "M"]}
    assert values(read(columns, positive={"long_hair": ["F"]}), "long-hair") == [1, 0, 0]


@pytest.mark.parametrize("word", ["1", "x", "True", "yes"])
@pytest.mark.parametrize("blank", ["", "NA", "nan"])
def test_blank_cells_beside_one_value_may_count_as_0(read, word, blank):
    columns = {"x": [word, blank, blank, word], "y": ["1", "0", "1", "0"]}
    with pytest.raises(ValueError, match=rf'"{word}" \(2\) and blank cells; set positive.x={word} '
                       "negative.x=blank to count these as 0; or leave it out .*=y"):  # fmt: skip
        read(columns)
    labels = read(columns, positive={"x": [word.lower()]}, negative={"x": ["blank"]})
    assert values(labels, "x") == [1, 0, 0, 1]


def test_minus_1_is_a_question_where_other_columns_of_the_table_have_0_as_well(read):
    columns = {"x": ["1", "-1", "1", "-1"], "y": ["1", "0", "-1", "0"]}
    settings = {"positive": {"y": ["1"]}, "negative": {"y": ["0", "-1"]}}
    with pytest.raises(ValueError, match="x holds .*; say what -1 means: negative.x=-1, or "
                       "positive.x=1 negative.x=0 missing=skip to leave"):  # fmt: skip
        read(columns, **settings)
    settings["negative"]["x"] = ["-1"]
    assert values(read(columns, **settings), "x") == [1, 0, 1, 0]
    with pytest.raises(ValueError, match="and other columns hold 0 too; say what -1 means"):
        read(columns, ["x"])
