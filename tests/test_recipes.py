import subprocess
import sys
from pathlib import Path

import pytest

from crossimage import recipes
from crossimage.recipes import list_recipes, resolve


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recipes of our own in place of the package's."""
    folder = tmp_path / "recipes"
    (folder / "munit").mkdir(parents=True)
    (folder / "munit" / "shoes.yaml").write_text(
        "# Edges to shoes, as published.\nmethod: munit\nsteps: 7\nweights:\n  cycle: 10\n"
    )
    (folder / "munit" / "cats.yaml").write_text("method: munit\n")
    monkeypatch.setattr(recipes, "files", lambda _: folder)
    return folder


def test_recipes_are_listed_with_their_description(shelf: Path) -> None:
    assert list_recipes() == [
        ("munit/cats", ""),
        ("munit/shoes", "Edges to shoes, as published."),
    ]


def test_recipe_gives_method_and_settings(shelf: Path) -> None:
    assert resolve("munit/shoes") == ("munit", {"steps": 7, "weights": {"cycle": 10}})


def test_method_name_gives_no_settings(shelf: Path) -> None:
    assert resolve("munit") == ("munit", {})


def test_path_of_a_file_is_a_recipe(shelf: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("method: munit\nbatch_size: 3\n")
    assert resolve(str(own)) == ("munit", {"batch_size": 3})


def test_unknown_recipe_names_the_nearest(shelf: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'munit/shoes'"):
        resolve("munit/sheos")
    with pytest.raises(ValueError, match="did you mean 'munit'"):
        resolve("muint")


@pytest.mark.parametrize("name", ["outlines", "munit", "munit/sheos"])
def test_paths_are_no_misspelt_recipes(
    name: str, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir(parents=True)
    advice = "is a path, not a recipe .* as in `crossimage train RECIPE --data "
    for path in {name, f"./{name}", f"{name}/"} - {"munit"}:
        with pytest.raises(ValueError, match=f"'{path}' {advice}{path}`"):
            resolve(path)
    with pytest.raises(ValueError, match="no recipe .* did you mean 'munit/shoes'"):
        resolve("munit/shoess")


def test_missing_file_and_file_without_method(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml"):
        resolve(str(tmp_path / "nowhere.yaml"))
    (tmp_path / "empty.yaml").write_text("steps: 3\n")
    with pytest.raises(ValueError, match=r"empty\.yaml does not state its method"):
        resolve(str(tmp_path / "empty.yaml"))


def test_shipped_recipes_are_described_and_name_their_folders_method() -> None:
    for name, description in list_recipes():
        assert description, f"{name} has no description in its first line"
        assert resolve(name)[0] == name.split("/")[0]


def test_listing_recipes_needs_no_torch() -> None:
    code = (
        "import sys, crossimage.recipes as r; r.list_recipes(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_recipe_may_be_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("method: munit\nsteps: 3\n")
    assert resolve("~/mine.yaml") == ("munit", {"steps": 3})
