"""The options that messages recommend exist."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import crossimage
from crossimage.cli import evaluate as cli_evaluate
from crossimage.cli.checkpoints import import_
from crossimage.cli.data import data_make
from crossimage.cli.export import export
from crossimage.cli.train import train
from crossimage.cli.translate import sample, translate
from crossimage.cli.video import video
from crossimage.evaluation.options import Options

ROOT = Path(crossimage.__file__).parent
COMMANDS: dict[str, list[Callable[..., Any]]] = {
    "inference": [translate, sample, video, export, data_make],
    "evaluation": [cli_evaluate.evaluate, *cli_evaluate.COMMANDS.values()],
    "interop": [import_],
    "data/images": [translate],
    "checkpoints": [translate, train],
}

FOREIGN = {"--eval", "--netG"}  # options of official scripts


def options_of(commands: list[Callable[..., Any]]) -> set[str]:
    names = {name for command in commands for name in inspect.signature(command).parameters}
    if "options" in names:
        names |= {field.name for field in dataclasses.fields(Options)}
    names = {"from" if name == "originals" else name for name in names}
    return {f"--{name.replace('_', '-')}" for name in names}


def messages(path: Path) -> Iterator[str]:
    """Every text of a module but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            text = child.value if isinstance(child, ast.Constant) else None
            if isinstance(text, str) and not isinstance(node, ast.Expr):
                yield text


@pytest.mark.parametrize("folder", COMMANDS)
def test_options_that_messages_recommend_exist(folder: str) -> None:
    known = options_of(COMMANDS[folder]) | FOREIGN
    for path in (ROOT / folder).rglob("*.py"):
        for text in messages(path):
            asked = set(re.findall(r"(?<![\w-])--[a-z][A-Za-z0-9_-]+", text))
            assert asked <= known, f"{path}: {text}"
