"""Imports run one way through the package, inside functions and under TYPE_CHECKING too."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import crossimage

ROOT = Path(crossimage.__file__).parent

LAYERS = (
    ("_version", "utils", "config", "labels"),
    ("networks", "losses"),
    ("data", "methods"),
    ("recipes", "checkpoints"),
    ("inference", "training", "interop"),
    ("bulk", "doctor", "export", "hub", "runs", "server", "video"),
    ("evaluation",),
    ("study", "validation"),
    ("cli",),
    ("__main__",),
)
"""Packages and root modules; each may import those of earlier layers, and of its own layer only
what WITHIN_A_LAYER allows. ``__init__`` is the façade: it may import anything."""

WITHIN_A_LAYER = {
    "config": {"utils"},
    "labels": {"config", "utils"},
    "hub": {"runs"},
    "losses": {"networks"},
    "training": {"inference"},
}

LARGEST_FOLDER = 19
ONE_FILE_PER_PAPER = {"methods", "interop"}
"""Folders that grow with every paper and every format, beside a fixed number of other files."""
ROOT_MODULES = {"__init__", "__main__", "_version", "losses"}


@cache
def modules() -> dict[str, Path]:
    """The files of all modules of the package, by dotted name."""
    files = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("crossimage", *path.relative_to(ROOT).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def imports(path: Path) -> Iterator[str]:
    """Everything that a file imports, also in functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def at_import(tree: ast.AST) -> Iterator[str]:
    """What a file imports when it is itself imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            yield from at_import(node)


@cache
def graph() -> dict[str, set[str]]:
    """The modules that each module imports; the façade is left out."""
    known = modules()
    edges: dict[str, set[str]] = {}
    for name, path in known.items():
        edges[name] = set()
        for imported in imports(path) if name != "crossimage" else ():
            target = imported if imported in known else imported.rpartition(".")[0]
            if target in known and target != name:
                edges[name].add(target)
    return edges


def package(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


@pytest.mark.parametrize("part", [part for layer in LAYERS for part in layer])
def test_imports_run_one_way(part: str) -> None:
    layer = next(index for index, parts in enumerate(LAYERS) if part in parts)
    allowed = {part, *WITHIN_A_LAYER.get(part, ()), *(p for below in LAYERS[:layer] for p in below)}
    wrong = {
        f"{module} imports {target}"
        for module, targets in graph().items()
        if package(module) == part
        for target in targets
        if package(target) not in allowed
    }
    assert not wrong


def test_no_module_imports_itself_through_others() -> None:
    TopologicalSorter(graph()).prepare()  # raises CycleError, which names the modules


def test_every_part_has_its_layer() -> None:
    parts = {package(module) for module in modules()} - {"__init__"}
    assert parts == {part for layer in LAYERS for part in layer}


def test_the_folders_stay_small() -> None:
    assert {path.stem for path in ROOT.glob("*.py")} == ROOT_MODULES
    folders = {path.parent for path in modules().values()}
    folders = {folder for folder in folders if folder.name not in ONE_FILE_PER_PAPER}
    assert max(len(list(folder.glob("*.py"))) for folder in folders) <= LARGEST_FOLDER


def test_the_command_line_starts_without_torch() -> None:
    heavy = {"torch", "torchvision", "lightning_fabric", "torchmetrics", "safetensors"}
    seen: set[str] = set()
    waiting = ["crossimage.cli.app"]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in modules():
            continue
        seen.add(name)
        imported = set(at_import(ast.parse(modules()[name].read_text(encoding="utf-8"))))
        assert not {target.split(".")[0] for target in imported} & heavy, name
        waiting += imported


@pytest.mark.parametrize("folder", ["methods", "networks"])
def test_methods_and_networks_know_no_engine(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        engine = ("lightning_fabric", "torch.distributed", "torch.optim")
        assert not [name for name in imports(path) if name.startswith(engine)], path
