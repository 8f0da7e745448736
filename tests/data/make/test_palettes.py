from pathlib import Path

import numpy as np
import pytest

from crossimage.data.make.palettes import (
    IdColours,
    distinct_colours,
    known_palettes,
    read_id_colours,
)
from tests.docs.snippets import ROOT


def test_the_default_colours_are_those_of_pascal_voc() -> None:
    colours = distinct_colours().colours
    assert [colours[n] for n in (0, 1, 2, 3, 8, 15, 20, 255)] == [
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (64, 0, 0), (192, 128, 128),
        (0, 64, 128), (224, 224, 192),
    ]  # fmt: skip
    assert len(set(colours.values())) == 256


@pytest.mark.parametrize("name", known_palettes())
def test_palettes_that_come_with_the_package_tell_classes_apart(name: str) -> None:
    table = read_id_colours(name)
    by_class = {table.names[n]: c for n, c in table.colours.items()}
    assert len(set(by_class.values())) == len(by_class) >= 12
    values = np.array(list(by_class.values()))
    assert values.max() > 200


def test_a_table_may_number_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("name,r,g,b\nsea,0,0,250\n\nland,0,200,0\n")
    assert read_id_colours(str(file)).colours == {0: (0, 0, 250), 1: (0, 200, 0)}
    file.write_text("id,name,r,g,b\n7,sea,0,0,250\n200,land,0,200,0\n")
    assert read_id_colours(str(file)).names == {7: "sea", 200: "land"}


def test_names_of_classes_may_hold_what_tables_are_made_of(tmp_path: Path) -> None:
    names = {0: "road, wet", 1: 'a "sign"', 2: "sky"}
    colours = {0: (128, 64, 128), 1: (0, 0, 250), 2: (70, 130, 180)}
    file = tmp_path / "palette.csv"
    file.write_text(IdColours("mine", colours, names).as_text())
    assert read_id_colours(str(file)).names == names
    assert read_id_colours(str(file)).colours == colours


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with ''"),
        ("sea,0,0,1\n", "expected the line 'id,name,r,g,b'"),
        ("id,name,r,g,b\n1,sea,0,0\n", "found '1,sea,0,0'"),
        ("id,name,r,g,b\n1,sea,0,0,300\n", "found '1,sea,0,0,300'"),
        ("id,name,r,g,b\n1,sea,0,0,3\n1,land,0,9,3\n", "names the class 1 twice"),
        ("id,name,r,g,b\n1,sea,0,0,3\n", "has 1 classes"),
    ],
)
def test_other_tables_are_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_id_colours(str(file))


def test_a_table_that_colours_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="gray value of its number.*one of camvid"):
        read_id_colours(str(ROOT / "docs/palettes/camvid.csv"))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_spreadsheets_write_tables(tmp_path: Path, separator: str, encoding: str) -> None:
    text = "id,name,r,g,b\n7,Straße,0,0,250\n9,land,0,200,0\n".replace(",", separator)
    (tmp_path / "mine.csv").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert read_id_colours(str(tmp_path / "mine.csv")).names == {7: "Straße", 9: "land"}
