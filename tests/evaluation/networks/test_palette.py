"""Label maps become classes by a table of colours, exactly unless their format is lossy."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from crossimage.evaluation.galleries.images import read_rgb
from crossimage.evaluation.networks.palette import VOID, Palette, read_palette

TABLE = "name,r,g,b\nsky,0,0,255\nroad,128,64,128\nvoid,0,0,0\nsky,70,130,180\n"


@pytest.fixture
def palette(tmp_path: Path) -> Palette:
    return table(tmp_path, TABLE)


def table(folder: Path, text: str) -> Palette:
    (folder / "classes.csv").write_text(text)
    return read_palette(folder / "classes.csv")


def row(*colours: tuple[int, int, int]) -> torch.Tensor:
    return torch.tensor(colours, dtype=torch.uint8).T[:, None]


def test_classes_are_numbered_in_the_order_of_the_table(palette: Palette) -> None:
    assert palette.names == ("sky", "road")
    labels = row((0, 0, 255), (70, 130, 180), (128, 64, 128), (0, 0, 0))
    found = palette.classes_of(labels, Path("a.png"))
    assert found.dtype == torch.uint8
    assert found.tolist() == [[0, 0, 1, VOID]]


def test_an_unknown_colour_is_named_with_its_file_and_place(palette: Palette) -> None:
    labels = torch.cat([row((0, 0, 255), (0, 0, 0)), row((0, 0, 255), (0, 1, 0))], 1)
    with pytest.raises(ValueError, match=r"a\.png has the colour \(0, 1, 0\) at column 1, row 1"):
        palette.classes_of(labels, Path("a.png"))


def test_the_nearest_colour_counts_in_lossy_formats(palette: Palette, tmp_path: Path) -> None:
    blocks = row((0, 0, 255), (128, 64, 128), (0, 0, 0)).repeat_interleave(16, 2).expand(3, 16, 48)
    path = tmp_path / "a.jpg"
    Image.fromarray(blocks.permute(1, 2, 0).numpy()).save(path, quality=80)
    labels = read_rgb(path)
    assert not torch.equal(labels, blocks)
    expected = palette.classes_of(blocks, Path("a.png"))
    assert torch.equal(palette.classes_of(labels, path), expected)


def test_class_numbers_are_gray_colours(tmp_path: Path) -> None:
    found = table(tmp_path, "Name, R, G, B\na,0,0,0\n\nb,1,1,1\nIgnore,11,11,11\n")
    labels = torch.tensor([[[0, 1, 11]]], dtype=torch.uint8)
    assert found.classes_of(labels, Path("a.png")).tolist() == [[0, 1, VOID]]


def test_photos_are_farther_from_the_table_than_label_maps(palette: Palette) -> None:
    assert palette.distance(row((0, 0, 255), (128, 64, 128)), Path("a.png")) == 0
    assert palette.distance(row((0, 0, 252), (128, 64, 128)), Path("a.png")) == 1.5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "begins with '', expected the line 'name,r,g,b'"),
        ("sky,0,0,255\n", "begins with 'sky,0,0,255'"),
        ("name,r,g,b\na,1,2\n", "line 2: found 'a,1,2', expected a name and three numbers"),
        ("name,r,g,b\na,1,2,3\nb,1,2,256\n", "line 3: found 'b,1,2,256'"),
        ("name,r,g,b\na,1,2,3\nb,1,2,x\n", "line 3"),
        ("name,r,g,b\na,1,2,3\nb,1,2,3\n", "line 3: the colour .1, 2, 3. appears twice"),
        ("name,r,g,b\na,1,2,3\nvoid,0,0,0\n", "has 1 classes, expected 2 to 254"),
    ],
)
def test_what_is_no_table_is_refused_by_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        table(tmp_path, text)
    assert "classes.csv" in str(error.value)


def test_missing_and_binary_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no table of classes .*none\.csv"):
        read_palette(tmp_path / "none.csv")
    (tmp_path / "noise.csv").write_bytes(b"\xff\xfe\x00\xd8\x81")
    with pytest.raises(ValueError, match=r"noise\.csv is not a table"):
        read_palette(tmp_path / "noise.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_spreadsheets_write_tables_of_colours(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    text = "name,r,g,b\nStraße,128,64,128\nsky,0,0,255\n".replace(",", separator)
    (tmp_path / "classes.csv").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert read_palette(tmp_path / "classes.csv").names == ("Straße", "sky")
