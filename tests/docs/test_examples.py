"""Every example and notebook runs, and the notebooks are those that the scripts make."""

import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crossimage.methods import METHODS

FOLDER = Path(__file__).resolve().parents[2] / "examples"
EXAMPLES = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
NOTEBOOKS = ("train", "translate", "evaluate")

OPTIONS = {
    "train_munit": ["--images", "6", "--steps", "2"],
    "translate_folder": ["--samples", "2"],
    "styles": ["--steps", "3"],
    "evaluate_models": ["--inputs", "3"],
    "train_pix2pix": ["--images", "6", "--steps", "2"],
    "labels_stargan": ["--images", "16", "--steps", "2"],
    "super_resolution": ["--images", "6", "--steps", "2"],
    "sample_gan": ["--images", "16", "--steps", "2", "--samples", "4"],
    "import_checkpoint": [],
    "own_method": ["--images", "6", "--steps", "2"],
    "simulated_judges": ["--images", "6"],
}
WRITTEN = {
    "train_munit": ["munit/model.safetensors"],
    "translate_folder": ["translated/00000_1.png", "translated/00000_2.png"],
    "styles": ["guided.png", "walk.png"],
    "evaluate_models": ["evaluation/report.html"],
    "train_pix2pix": ["pix2pix.png"],
    "labels_stargan": ["red.png", "blue.png", "both.png"],
    "super_resolution": ["enlarged.png"],
    "sample_gan": ["samples/sheet.png"],
    "import_checkpoint": ["imported.safetensors"],
    "own_method": ["own/model.safetensors"],
    "simulated_judges": ["study/analysis/report.html"],
}
AFTER_MUNIT = {"translate_folder", "styles", "evaluate_models"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Run an example by name in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(name: str) -> None:
        monkeypatch.setattr(sys, "argv", [str(EXAMPLES[name]), *OPTIONS[name]])
        runpy.run_path(str(EXAMPLES[name]), run_name="__main__")

    yield run
    METHODS.pop("regression", None)


def test_every_example_is_run_and_listed() -> None:
    assert EXAMPLES.keys() == OPTIONS.keys() == WRITTEN.keys()
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"]({path.name})" in text for path in EXAMPLES.values())


@pytest.mark.parametrize("path", EXAMPLES.values(), ids=lambda path: path.stem)
def test_an_example_has_at_most_60_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str, run: Callable[[str], None]) -> None:
    if name in AFTER_MUNIT:
        run("train_munit")
    run(name)
    assert all(Path("example", path).is_file() for path in WRITTEN[name])


def test_notebooks_are_those_that_the_scripts_make() -> None:
    pytest.importorskip("jupytext", reason="jupytext is not installed")
    generate = runpy.run_path(str(FOLDER / "notebooks" / "generate.py"))
    assert {script.stem for script in generate["SCRIPTS"]} == set(NOTEBOOKS)
    for script in generate["SCRIPTS"]:
        written = script.with_suffix(".ipynb").read_text(encoding="utf-8")
        assert written == generate["notebook"](script), "run `make notebooks`"


@pytest.mark.slow
def test_notebooks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    monkeypatch.setenv("EXAMPLE_STEPS", "2")
    monkeypatch.setenv("EXAMPLE_IMAGES", "6")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in NOTEBOOKS:
        notebook = nbformat.read(FOLDER / "notebooks" / f"{name}.ipynb", as_version=4)
        resources = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
        if name == "train":  # the bar, as its last update left it
            shown = str([cell.get("outputs") for cell in notebook.cells])
            assert '<progress value="2" max="2"' in shown and "2/2 · " in shown
