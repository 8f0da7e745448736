"""Names in another case, or misspelt."""

from pathlib import Path

import pytest

from crossimage.utils import names
from crossimage.utils.names import did_you_mean, look_up, near_path_hint, nearest_path, titles_of


@pytest.mark.parametrize(
    ("name", "names", "index"),
    [
        ("b", ["a", "b"], 1),
        ("B", ["a", "b"], 1),
        ("Male", ["male", "Male"], 1),
        ("MALE", ["male", "Male"], None),
        ("c", ["a", "b"], None),
        ("a", ["b", "a", "a"], 1),
        ("cafe\u0301", ["tea", "caf\u00e9"], 1),
        ("CAFE\u0301", ["tea", "caf\u00e9"], 1),
        ("caf\u00e9", ["cafe\u0301", "caf\u00e9"], 1),
    ],
)
def test_case_and_unicode_form_are_ignored_where_that_is_unambiguous(
    name: str, names: list[str], index: int | None
) -> None:
    assert look_up(name, names) == index


def test_the_nearest_name_is_suggested() -> None:
    assert did_you_mean("Munot", ["unit", "munit"]) == "; did you mean 'munit'?"
    assert did_you_mean("shoes", ["unit", "munit"]) == ""
    assert did_you_mean("unique", ["unit"], cutoff=0.9) == ""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/outlines", "runs/outlines-2", "my photos/trainA", "PHOTOS", "photos"):
        Path(folder).mkdir(parents=True, exist_ok=True)  # case may be ignored
    for file in ("runs/outlines/model.safetensors", "my photos/cat.jpg", "my photos/cat.png"):
        Path(file).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("runs/outlinse", "runs/outlines"),
        ("Runs/Outlines", "runs/outlines"),
        ("run/outlines", "runs/outlines"),
        ("rusn/outlinse/model.safetensor", "runs/outlines/model.safetensors"),
        ("runs/outlines-3", "runs/outlines-2"),
        ("my photo/cat.jpeg", "my photos/cat.jpg"),
        ("my photos/cats.png", "my photos/cat.png"),
        ("'runs/outlines'", "runs/outlines"),
        ('"my photos/cat.jpg"', "my photos/cat.jpg"),
        ("runs\\outlines", "runs/outlines"),
        ("runs\\outlinse\\model.safetensors", "runs/outlines/model.safetensors"),
        ("PHOTO", "PHOTOS"),
        ("runs/x", None),
        ("elsewhere/outlines", None),
        ("'", None),
        ("C:\\runs\\outlines", None),
        ("x" * 5000, None),
        ("runs/outlines/model.safetensors/x", None),
    ],
)
def test_the_nearest_path_is_suggested(given: str, near: str | None, here: Path) -> None:
    assert nearest_path(Path(given)) == (near and Path(near))
    assert near_path_hint(Path(given)) == (f"; did you mean '{near}'?" if near else "")
    if near and given[0].isalpha():
        assert nearest_path(here / given) == here / near


def test_only_paths_of_the_kind_that_is_looked_for_are_suggested(here: Path) -> None:
    (here / "runs" / "outlinse.txt").touch()
    assert nearest_path(Path("runs/outlinse"), Path.is_dir) == Path("runs/outlines")


def test_a_path_of_windows_is_looked_for_where_linux_has_its_drive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Path] = []
    assert names.nearest_path(Path("D:\\my photos\\cat.jpg"), lambda p: bool(asked.append(p) or 1))
    assert asked == [Path("/mnt/d/my photos/cat.jpg")]


def test_titles_are_the_shortest_ends_of_paths_that_tell_runs_apart() -> None:
    assert titles_of(["runs/munit"]) == ["munit"]
    assert titles_of(["runs/munit", "runs/unit/"]) == ["munit", "unit"]
    assert titles_of(["a/x", "b/x", "c/y"]) == ["a/x", "b/x", "y"]
    assert titles_of(["x", "a/x", "."]) == ["x", "a/x", "."]
    assert titles_of(["a/x", "a/x"]) == ["a/x", "a/x"]
