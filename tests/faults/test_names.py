"""Commands on files and folders with awkward names: right results, no traceback, no escapes.

``AWKWARD_NAMES=all`` tries every command with every name; the suite gives each command a few.
"""

import os
import random
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.config import build
from crossimage.methods import METHODS
from tests.conftest import SMALL, as_arguments, small
from tests.faults.commands.world import World
from tests.faults.named_commands import COMMANDS as NAMED
from tests.faults.named_commands import PREPARE, WRITES_NOTHING_NEW, Named
from tests.faults.names import AWKWARD, with_suffix

ALL = os.environ.get("AWKWARD_NAMES") == "all"
Words = Callable[[Path, Path], list[object]]


COMMANDS: dict[str, Words] = {
    "data inspect": lambda w, out: ["data", "inspect", w, "--out", out, "--no-estimate"],
    "data make split": lambda w, out: [
        "data", "make", "split", "--from", w / "testA", "--out", out,
    ],
    "data make grey": lambda w, out: [
        "data", "make", "grey", "--photos", w / "testA", "--out", out,
    ],
    "data make combine": lambda w, out: [
        "data", "make", "combine", "--a", w / "testA", "--b", w / "testB", "--out", out,
    ],
    "data make outlines": lambda _, out: [
        "data", "make", "outlines", "--size", 16, "--count", 2, "--test-count", 1, "--out", out,
    ],
    "study make": lambda w, out: [
        "study", "make", "preference", f"one={w / 'testA'}", f"two={w / 'testB'}", "--data",
        w / "testA", "--out", out, "--set", "questions=3", "answers=2", "trials=3", "checks=1",
    ],
    "translate": lambda w, out: ["translate", model_in(w), w / "testA", "--out", out],
    "translate a file": lambda w, out: [
        "translate", model_in(w), min((w / "testA").iterdir()), "--out", out,
    ],
    "export": lambda w, out: ["export", model_in(w), with_onnx(out)],
    "info": lambda w, _: ["info", model_in(w)],
    "train": lambda w, out: [
        "train", "munit", "--data", w, "--out", out, *as_arguments(small(steps=1, crop=16)),
    ],
}  # fmt: skip
QUICK = ("data inspect", "data make split", "data make combine", "study make", "translate", "info")


def model_in(world: Path) -> Path:
    """Return the model of a world."""
    return next(path for path in world.iterdir() if path.name.endswith(".safetensors"))


def with_onnx(out: Path) -> Path:
    """Return the path of an exported model."""
    return out.with_name(with_suffix(out.name, ".onnx"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model."""
    path = tmp_path_factory.mktemp("model") / "munit.safetensors"
    torch.manual_seed(0)
    config = build(METHODS["munit"].Config, SMALL["munit"] | {"crop": 16}, source="a test")
    save_model(path, METHODS["munit"](config))
    return path


def made(folder: Path, names: list[str], model: Path) -> Path:
    """Make a data set and a model whose names are awkward."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    for below in ("trainA", "trainB", "testA", "testB"):
        (folder / below).mkdir(parents=True)
        for number, name in enumerate(names):
            turned = np.roll(pixels, number + len(below), 0) ^ (number * 7 % 256)
            path = folder / below / with_suffix(name, ".png")
            Image.fromarray(turned).save(path)
    shutil.copyfile(model, folder / with_suffix(names[0], ".safetensors"))
    return folder


def draws() -> list[tuple[str, str]]:
    """Return commands, each with names of its folders."""
    if ALL:
        return [(command, name) for command in COMMANDS for name in AWKWARD]
    chance = random.Random(7)
    return [(command, chance.choice(AWKWARD)) for command in QUICK]


def distinct(names: list[str]) -> list[str]:
    """Return names without those that differ from an earlier one only in case or Unicode form."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
    return list(found.values())


def is_quiet(text: str) -> bool:
    """Whether a text leaves the terminal alone."""
    hidden = {unicodedata.category(c) for c in text if c not in "\n\t\r\u200c\u200d"}
    return not hidden & {"Cc", "Cf", "Zl", "Zp"}


@pytest.mark.skipif(os.name == "nt", reason="such names do not exist there")
@pytest.mark.parametrize(
    ("command", "name"),
    [pytest.param(c, n, id=f"{c}-{AWKWARD.index(n)}") for c, n in draws()],
)
def test_awkward_names_change_nothing(
    command: str, name: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    names = distinct([name.lstrip("."), *(one for one in AWKWARD if not one.startswith("."))])
    others = names[1 :: 1 if ALL else 5]
    world = made(Path("./", name) / "data", [names[0], *others], model)
    out = tmp_path / "results" / name.replace(".png", ".results")  # an image's name is refused
    out.parent.mkdir()
    status = main([str(word) for word in COMMANDS[command](tmp_path / world, out)])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert "Traceback" not in said.err + said.out
    assert is_quiet(said.err + said.out)
    results = {path.name for path in out.rglob("*")} | {path.name for path in out.parent.iterdir()}
    assert command == "info" or len(results) > 1 or command == "export"
    if command == "translate":
        assert len(list(out.glob("*.png"))) == 1 + len(others)
    if command == "data make split":
        images = {path.read_bytes() for path in (tmp_path / world / "testA").iterdir()}
        assert {p.read_bytes() for p in out.rglob("*.png")} <= images


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Inputs of all commands."""
    return World(tmp_path_factory.mktemp("world") / "world")


def named_draws() -> list[tuple[str, str]]:
    """Return commands on all kinds of inputs, each with a name."""
    if ALL:
        return [(command, name) for command in NAMED for name in AWKWARD]
    chance = random.Random(8)
    quick = [command for command in NAMED if not command.startswith("export")]  # minutes
    return [(command, chance.choice(AWKWARD)) for command in quick]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="such names do not exist there")
@pytest.mark.parametrize(
    ("command", "name"),
    [pytest.param(c, n, id=f"{c}-{AWKWARD.index(n)}") for c, n in named_draws()],
)
def test_all_commands_take_awkward_names(
    command: str, name: str, inputs: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inputs").mkdir()
    world = Named(inputs, tmp_path / "inputs", name)
    out = tmp_path / "results" / name
    out.parent.mkdir()
    PREPARE.get(command, lambda: None)()
    status = main([str(word) for word in NAMED[command](world, out)])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert "Traceback" not in said.err + said.out
    assert is_quiet(said.err + said.out)
    results = [path for path in out.parent.rglob("*") if path.is_file()]
    assert bool(results) == (command not in WRITES_NOTHING_NEW)
    assert not [path for path in results if path.name.endswith(".tmp") and path.name != name]


def test_relative_names_that_look_like_options_are_files(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made(Path("-data"), ["--seed", "-h"], model)
    assert main(["translate", "./-data/--seed.safetensors", "./-data/testA", "--out=-out"]) == 0
    assert len(list(Path("-out").glob("*.png"))) == 2
