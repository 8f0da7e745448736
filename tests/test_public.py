"""The public names, their documentation, and what importing them costs."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crossimage
from crossimage.config import build, keys
from crossimage.methods import METHODS
from crossimage.recipes import list_recipes, resolve

ROOT = Path(crossimage.__file__).parent
Documented = ast.Module | ast.ClassDef | ast.FunctionDef


def test_all_public_names_are_there_and_documented() -> None:
    assert crossimage.__all__ == sorted(crossimage.__all__)
    assert {"Method", "METHODS", "Translator", "Update", "load"} <= set(crossimage.__all__)
    for name in crossimage.__all__:
        found = getattr(crossimage, name)
        assert isinstance(found, dict) or len(inspect.getdoc(found) or "") > 40, name
    assert dir(crossimage) == crossimage.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        crossimage.nothing  # noqa: B018


@pytest.mark.parametrize(
    "code",
    ["import crossimage", "from crossimage.cli.app import main; assert main(['--help']) == 0"],
)
def test_imports_no_torch(code: str) -> None:
    code += (
        "; import sys; assert not {'torch', 'torchvision', 'lightning_fabric'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """Public classes, functions and methods."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            if "overload" not in map(ast.unparse, node.decorator_list):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_everything_public_is_documented(path: Path) -> None:
    module = ast.parse(path.read_text())
    documented: list[Documented] = [module, *public(module)]
    bare = [getattr(n, "name", path.name) for n in documented if not ast.get_docstring(n)]
    assert not bare or path.stat().st_size == 0


@pytest.mark.parametrize("name", METHODS)
def test_every_setting_is_explained(name: str) -> None:
    config = METHODS[name].Config
    classes = [c for c in config.__mro__ if c.__module__.startswith("crossimage")]
    groups = [type(v) for v in vars(config()).values() if hasattr(v, "__dataclass_fields__")]
    documented = (*classes, *(c for group in groups for c in group.__mro__))
    text = "".join(inspect.getdoc(c) or "" for c in documented)
    for key in keys(config):
        assert re.search(rf"^ +{key.split('.')[-1]}: \w", text, re.MULTILINE), key


@pytest.mark.parametrize("recipe", [name for name, _ in list_recipes()])
def test_every_recipe_is_a_valid_config(recipe: str) -> None:
    method, settings = resolve(recipe)
    build(METHODS[method].Config, settings, source=recipe)
    assert len(dict(list_recipes())[recipe]) > 20, "its first line says what it trains"


SMALL_RECIPES = [name for name, text in list_recipes() if text.startswith("Small: ")]


def test_every_method_has_a_small_recipe() -> None:
    assert {name.split("/")[0] for name in SMALL_RECIPES} == METHODS.keys()


@pytest.mark.parametrize("recipe", SMALL_RECIPES)
def test_every_small_recipe_builds(recipe: str) -> None:
    method, settings = resolve(recipe)
    networks = METHODS[method](build(METHODS[method].Config, settings))
    assert all(list(net.parameters()) for net in networks.players().values())


def test_types_are_shipped() -> None:
    assert (ROOT / "py.typed").is_file()
    for name, home in crossimage._HOMES.items():
        assert hasattr(importlib.import_module(home), name)
