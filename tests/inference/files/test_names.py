import os
from functools import partial
from pathlib import Path

import pytest

from crossimage.inference.files.names import name_outputs
from crossimage.inference.incoming import Incoming
from crossimage.inference.input_files import InputFile
from crossimage.inference.input_files import find_inputs as find
from crossimage.inference.output_types import suffix_for


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def find_inputs(inputs: object, out: Path) -> list[InputFile]:
    with Incoming() as incoming:
        return find(inputs, out, incoming).files


def names(inputs: list[Path], out: Path, format: str | None = None, outputs: int = 1) -> list[str]:
    groups = name_outputs(
        find_inputs(inputs, out), partial(suffix_for, format=format, depth="auto"), outputs
    )
    return [path.as_posix() for group in groups for path in group]


def test_files_folders_and_patterns(tmp_path: Path) -> None:
    a = tmp_path / "a"
    touch(a / "x.png", a / "deep" / "y.JPG", a / "notes.txt", a / ".hidden.png", tmp_path / "z.tif")
    touch(a / ".cache" / "w.png")
    matches = find_inputs([a, tmp_path / "*.tif", a / "x.png"], tmp_path / "out")
    assert [source.path.name for source in matches] == ["y.JPG", "x.png", "z.tif"]
    assert names([a], tmp_path / "out") == ["deep/y.JPG", "x.png"]


def test_earlier_results_inside_the_input_folder_are_no_input(tmp_path: Path) -> None:
    touch(tmp_path / "x.png", tmp_path / "out" / "x.png")
    assert [s.path for s in find_inputs(tmp_path, tmp_path / "out")] == [tmp_path / "x.png"]


def test_results_may_go_to_a_folder_around_the_inputs(tmp_path: Path) -> None:
    photo = tmp_path / "data" / "testA" / "x.png"
    touch(photo)
    for out in (tmp_path, tmp_path / "data", tmp_path / "data" / "testA"):
        assert [s.path for s in find_inputs(tmp_path / "data" / "testA", out)] == [photo]
    assert [s.path for s in find_inputs(tmp_path / "data", tmp_path)] == [photo]


def test_an_empty_path_is_not_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "x.png")
    with pytest.raises(ValueError, match="path of an input is empty"):
        find_inputs(["", "x.png"], tmp_path / "out")
    assert len(find_inputs(".", tmp_path / "out")) == 1


def test_a_file_named_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    touch(tmp_path / "shot[1].png", tmp_path / "shot1.png")
    assert names([tmp_path / "shot[1].png"], tmp_path / "out") == ["shot[1].png"]


def test_what_matches_nothing_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError, match=r"nowhere/\*\.png"):
        find_inputs(tmp_path / "nowhere" / "*.png", tmp_path / "out")
    with pytest.raises(ValueError, match="no image in"):
        find_inputs(tmp_path, tmp_path / "out")


def test_samples_are_numbered_and_format_changes_the_type(tmp_path: Path) -> None:
    touch(tmp_path / "x.jpeg")
    assert names([tmp_path / "x.jpeg"], tmp_path) == ["x.jpeg"]
    assert names([tmp_path / "x.jpeg"], tmp_path, "png", 2) == ["x_1.png", "x_2.png"]
    with pytest.raises(ValueError, match=r"format 'pgn' is unknown.*did you mean 'png'"):
        names([tmp_path / "x.jpeg"], tmp_path, "pgn")


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    left, right = tmp_path / "left" / "x.png", tmp_path / "right" / "x.png"
    jpeg, upper = tmp_path / "left" / "x.jpg", tmp_path / "up" / "X.png"
    touch(left, right, jpeg, upper)
    out = tmp_path / "out"
    assert names([left, right], out) == ["left_x.png", "right_x.png"]
    assert names([left.parent, right.parent], out) == ["x.jpg", "left_x.png", "right_x.png"]
    assert names([left, jpeg], out, "png") == ["x_png.png", "x_jpg.png"]
    assert names([left, upper], out) == ["left_x.png", "up_X.png"]
    assert names([left, right, jpeg], out, "png") == ["x-1.png", "x-2.png", "x-3.png"]


def test_new_names_do_not_collide_with_others(tmp_path: Path) -> None:
    a, b = tmp_path / "1" / "s" / "x.png", tmp_path / "2" / "s" / "x.png"
    other, number = tmp_path / "1" / "s" / "s_x.png", tmp_path / "1" / "s" / "x-1.png"
    touch(a, b, other, number)
    matches = names([tmp_path / "1", tmp_path / "2"], tmp_path / "out", outputs=3)
    assert len(set(matches)) == 12
    assert "s/x-2_1.png" in matches and "s/x-3_1.png" in matches


@pytest.mark.parametrize("letter", ["x", "ö", "\udcf6"])
def test_labels_and_names_of_any_length_fit_into_a_file_name(tmp_path: Path, letter: str) -> None:
    source = tmp_path / "in" / (letter * (250 // len(os.fsencode(letter))) + ".png")
    touch(source, tmp_path / "in" / "short.png")
    long = [letter * 300 + end for end in "ab"]
    kind = partial(suffix_for, format=None, depth="auto")
    groups = name_outputs(
        find_inputs([tmp_path / "in"], tmp_path / "out"), kind, ["smiling", *long]
    )
    found = [path for group in groups for path in group]
    assert len(set(found)) == 6 and all(len(os.fsencode(path.name)) <= 255 for path in found)
    assert Path("short_smiling.png") in found
    for path in found:
        (tmp_path / path).touch()
