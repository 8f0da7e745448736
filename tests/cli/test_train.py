"""``crossimage train`` and ``crossimage recipes``: arguments, help, listing."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossimage.cli.overrides import parse_overrides
from crossimage.config import build, keys
from crossimage.methods import METHODS
from crossimage.methods.munit import MUNITConfig
from crossimage.methods.srgan import SRGANConfig
from crossimage.recipes import list_recipes, resolve
from crossimage.recipes.keys import check_values
from tests.cli.conftest import crossimage


def test_train_passes_overrides_on(calls: list[dict[str, Any]]) -> None:
    arguments = (
        "train munit steps=5 --data D --weights.cycle 10 --out R --learning-rate=3e-4 --no-flip"
    )
    assert crossimage(*arguments.split(), "crop=64,48") == 0
    (call,) = calls
    assert (call["recipe"], call["data"], call["out"]) == ("munit", "D", Path("R"))
    assert call["overrides"]["steps"] == 5
    assert call["overrides"]["weights"] == {"cycle": 10}
    assert call["overrides"]["flip"] is False
    assert call["overrides"]["crop"] == "64,48"
    assert float(call["overrides"]["learning_rate"]) == 3e-4


def test_train_takes_list_files_as_data(calls: list[dict[str, Any]]) -> None:
    assert crossimage("train", "munit", "--data", "A=a.txt,B=b.txt", "--out", "R") == 0
    assert calls[0]["data"] == "A=a.txt,B=b.txt" and calls[0]["overrides"] == {}


def test_train_needs_data_but_no_name_of_a_run(
    calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert crossimage("train", "munit", "--out", "R") == 2
    assert "--data" in capsys.readouterr().err
    assert not calls
    assert crossimage("train", "munit", "--data", "D") == 0
    assert calls[0]["out"] is None


def test_train_help_lists_the_methods_keys(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("method: munit\nsteps: 77\nweights: {cycle: 3}\n")
    assert crossimage("train", recipe, "--help") == 0
    said = capsys.readouterr().out
    assert "  steps=77\n      Training steps;" in said
    assert "  weights.cycle=3.0\n      Style-augmented" in said
    assert "  crop=256,256\n" in said and "  flip=true\n" in said and "value_range=null" in said
    lines = said.splitlines()
    keys = [i for i, line in enumerate(lines) if line.startswith("  ") and line[2] != " "]
    assert len(keys) > 30
    assert not [lines[i] for i in keys if not lines[i + 1].startswith("      ")]


def test_values_in_the_help_are_taken_back(
    capsys: pytest.CaptureFixture[str], calls: list[dict[str, Any]]
) -> None:
    from crossimage.config import build

    crossimage("train", "munit", "--help")
    lines = capsys.readouterr().out.splitlines()
    settings = [line.strip() for line in lines if line.startswith("  ") and line[2] != " "]
    assert crossimage("train", "munit", "--data", "D", "--out", "R", *settings) == 0
    assert build(MUNITConfig, calls[0]["overrides"]) == MUNITConfig()


def test_recipes_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [("munit/cats", "Cats to dogs."), ("munit/shoes_and_bags", "Shoes.")]
    monkeypatch.setattr("crossimage.recipes.list_recipes", lambda: listed)
    assert crossimage("recipes") == 0
    assert capsys.readouterr().out == (
        "munit/cats            Cats to dogs.\nmunit/shoes_and_bags  Shoes.\n"
    )


def test_options_of_other_codebases_are_answered_with_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words, said in (
        (["--dataroot", "d", "--out", "o"], "unknown option '--dataroot'; it is called '--data'"),
        (["--data", "d", "--name", "o"], "unknown option '--name'; it is called '--out'"),
        (["data_root=d"], "unknown option 'data_root'; it is called '--data'"),
        (["--data", "d", "--out", "o", "--gpu-ids", "0"], "it is called '--devices'"),
    ):
        assert crossimage("train", "munit", *words) == 2
        assert said in capsys.readouterr().err


def test_options_that_are_numbers_may_be_written_as_1e3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert crossimage("data", "make", "outlines", "--out", "o", "--count", "1.5") == 2
    assert "expected a whole number" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", METHODS)
def test_every_default_can_be_given_as_the_help_shows_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crossimage("train", name, "--help") == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    given = [line for line in lines if line.partition("=")[0] in set(keys(METHODS[name].Config))]
    assert len(given) == len(set(keys(METHODS[name].Config)))
    assert build(METHODS[name].Config, parse_overrides(given)) == METHODS[name].Config()


def test_tilde_is_the_home_folder_in_paths_and_settings(
    calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("d", "runs/y"):
        (tmp_path / folder).mkdir(parents=True)
    words = ("--data=~/d", "--out=~/runs/x", "--init=~/runs/y", "features=~/vgg.pth")
    assert crossimage("train", "srgan", *words) == 0
    assert calls[0]["out"] == tmp_path / "runs/x" and calls[0]["init_from"] == tmp_path / "runs/y"
    assert build(SRGANConfig, calls[0]["overrides"]).features == tmp_path / "vgg.pth"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "nowhere"], "there is no nowhere, given with --data"),
        (["--data", "a=D,b=nowhere"], "there is no nowhere, given with --data"),
        (["--data", "D,nowhere.csv"], "there is no nowhere.csv, given with --data"),
        (["--data", "D", "steps=abc"], "munit: steps: expected a whole number, .* found 'abc'"),
        (["--data", "D", "batch_size=0"], "munit: batch_size: .* equal to 1, found 0"),
        (["--data", "D", "weights.cycle=x"], "munit: weights.cycle: .* found 'x'"),
        (["--data", "D", "--threads", "x"], "munit: threads: expected a whole number"),
        (["--data", "D", "--budget", "1x"], "--budget '1x' is not a duration"),
        (["--data", "D", "--budget", "1m", "steps=3"], "leave out --budget or steps"),
    ],
)
def test_mistakes_are_named_before_pytorch_is_loaded(
    tmp_path: Path, words: list[str], sentence: str
) -> None:
    (tmp_path / "D").mkdir()
    script = (
        "import sys; from crossimage.cli.app import main\n"
        "status = main(sys.argv[1:]); assert 'torch' not in sys.modules; sys.exit(status)"
    )
    command = [sys.executable, "-c", script, "train", "munit", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert re.search(sentence, done.stderr), done.stderr


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [(name, []) for name, _ in list_recipes()]
    + [("stargan", ["missing=skip", "positive=1,yes", "negative=0,no"])],
)
def test_values_that_a_method_takes_are_not_refused_early(recipe: str, settings: list[str]) -> None:
    method, known = resolve(recipe)
    given = parse_overrides(settings)
    build(METHODS[method].Config, known, given, source=recipe)
    check_values(method, recipe, known, given)


@pytest.mark.parametrize("place", ["s3://bucket/", "https://host/", "memory://"])
@pytest.mark.parametrize("kind", ["photos", "a.tar", "a-{000..003}.tar"])
def test_data_in_stores_is_looked_up_by_the_training(
    calls: list[dict[str, Any]], place: str, kind: str
) -> None:
    assert crossimage("train", "munit", "--data", f"a={place}{kind},b=D", "--out", "R") == 0
    assert len(calls) == 1
