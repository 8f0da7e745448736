"""Imports go one way: networks, losses, data -> methods -> trainer, translator -> command line."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import crossimage

ROOT = Path(crossimage.__file__).parent

MAY_IMPORT: dict[str, set[str]] = {
    "seeds": set(),
    "allocation": set(),
    "engine": set(),
    "environment": {"__init__"},
    "processes": set(),
    "compiling": set(),
    "config": set(),
    "files": set(),
    "names": set(),
    "pages": set(),
    "labels": {"names"},
    "networks": set(),
    "losses": {"networks"},
    "data": {"config", "files", "labels", "seeds"},
    "methods": {"config", "labels", "losses", "networks"},
    "recipes": {"config", "names"},
    "checkpoint": {"files"},
    "filenames": {"data", "files", "names"},
    "inputs": {"data", "files", "names"},
    "runpage": {"files", "pages"},
    "sheets": {"methods"},
    "modelfile": {"config", "files", "methods", "names"},
    "loading": {"checkpoint", "methods", "modelfile"},
    "interop": {"config", "methods", "modelfile", "names", "networks"},
    "conversion": {"data", "filenames", "files", "inputs", "labels", "methods", "seeds", "sheets"},
    "recorder": {"data", "files", "methods", "modelfile", "runpage", "sheets"},
    "trainer": {
        "checkpoint", "compiling", "config", "data", "methods", "networks", "processes",
        "recorder", "seeds",
    },
    "translator": {
        "config", "conversion", "data", "files", "inputs", "labels", "loading", "methods",
        "modelfile", "networks",
    },
    "run": {
        "checkpoint", "config", "data", "engine", "environment", "files", "loading", "methods",
        "recipes", "recorder", "seeds", "trainer",
    },
    "evaluation": {
        "config", "data", "engine", "files", "inputs", "interop", "labels", "names", "networks",
        "pages", "recipes", "run", "seeds", "translator",
    },
    "cli_evaluate": {"evaluation", "files"},
    "cli": {"allocation", "cli_evaluate", "files", "names"},
    "__main__": {"cli"},
    "__init__": set(),
}  # fmt: skip
"""Parts of the package that each part may import when it is itself imported."""

WHEN_CALLED: dict[str, set[str]] = {
    "cli": {"config", "data", "interop", "labels", "methods", "recipes", "run", "translator"},
    "cli_evaluate": {"config", "inputs"},
    "recipes": {"methods"},
    "translator": {"methods"},
}
"""Further parts that functions import when they run."""


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def at_import(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports outside functions and outside ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from at_import(other)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from at_import(node)


def in_functions(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom))


def names(imports: Iterator[ast.Import | ast.ImportFrom]) -> Iterator[str]:
    for node in imports:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from (alias.name for alias in node.names)


def parts(imported: Iterator[str]) -> set[str]:
    """Parts of our package; a name of the package itself, such as its version, is none."""
    found = (name.split(".") for name in imported if name.split(".")[0] == "crossimage")
    known = {part_of(path) for path in modules()}
    return {words[1] for words in found if len(words) > 1 and words[1] in known}


def test_every_part_has_its_place() -> None:
    assert {part_of(path) for path in modules()} == MAY_IMPORT.keys()


def test_the_places_have_no_circle() -> None:
    placed: set[str] = set()
    left = dict(MAY_IMPORT)
    while left:
        ready = {part for part, needed in left.items() if needed <= placed}
        assert ready, f"{sorted(left)} import each other"
        placed |= ready
        left = {part: needed for part, needed in left.items() if part not in ready}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    part, tree = part_of(path), ast.parse(path.read_text())
    assert parts(names(at_import(tree))) <= MAY_IMPORT[part] | {part}
    allowed = MAY_IMPORT[part] | WHEN_CALLED.get(part, set()) | {part}
    assert parts(names(in_functions(tree))) <= allowed


@pytest.mark.parametrize(
    "part", ["cli", "cli_evaluate", "config", "recipes", "__init__", "__main__"]
)
def test_the_command_line_starts_without_torch(part: str) -> None:
    path = ROOT / part
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    heavy = {"torch", "torchvision", "lightning_fabric", "torchmetrics", "safetensors"}
    found = {name.split(".")[0] for name in names(at_import(ast.parse(path.read_text())))}
    assert not found & heavy


@pytest.mark.parametrize("folder", ["methods", "networks"])
def test_methods_and_networks_know_no_engine(folder: str) -> None:
    for path in (ROOT / folder).glob("*.py"):
        tree = ast.parse(path.read_text())
        found = {*names(at_import(tree)), *names(in_functions(tree))}
        assert not [
            name
            for name in found
            if name.startswith(("lightning_fabric", "torch.distributed", "torch.optim"))
        ], path
