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
    assert {"METHODS", "Method", "Translator", "Update", "load", "register", "train"} <= set(
        crossimage.__all__
    )
    for name in crossimage.__all__:
        value = getattr(crossimage, name)
        assert isinstance(value, dict) or len(inspect.getdoc(value) or "") > 40, name
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
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=300)


def test_imports_no_package_that_takes_seconds_and_is_hardly_used() -> None:
    code = """
import importlib, sys
for module in ("methods", "data.build", "inference.translator", "validation.train"):
    dict(vars(importlib.import_module(f"crossimage.{module}")).get("METHODS", {}))
    for package in {"torchvision", "torchmetrics", "scipy", "tensorboard"} & sys.modules.keys():
        print(f"crossimage.{module} imports {package}")
"""
    imported = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=300
    )
    assert imported.stdout == ""


def public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """Public classes, functions and methods."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            if "overload" not in map(ast.unparse, node.decorator_list):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


PACKAGES = sorted({path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/**/*.py")})


@pytest.mark.parametrize("package", [".", *PACKAGES])
def test_everything_public_is_documented(package: str) -> None:
    files = ROOT.glob("*.py") if package == "." else (ROOT / package).rglob("*.py")
    bare = []
    for path in files:
        module = ast.parse(path.read_text(encoding="utf-8"))
        documented: list[Documented] = [module, *public(module)]
        bare += [
            f"{path.relative_to(ROOT)}: {getattr(node, 'name', 'the module')}"
            for node in documented
            if not ast.get_docstring(node)
        ]
    assert not bare


@pytest.mark.parametrize("name", METHODS)
def test_every_setting_is_explained(name: str) -> None:
    config = METHODS[name].Config
    classes = [c for c in config.__mro__ if c.__module__.startswith("crossimage")]
    groups = [type(v) for v in vars(config()).values() if hasattr(v, "__dataclass_fields__")]
    documented = (*classes, *(c for group in groups for c in group.__mro__))
    text = "".join(inspect.getdoc(c) or "" for c in documented)
    for key in keys(config):
        assert re.search(rf"^ +{key.split('.')[-1]}: \w", text, re.MULTILINE), key


@pytest.mark.parametrize("name", METHODS)
def test_every_recipe_is_a_valid_config(name: str) -> None:
    recipes = {recipe: text for recipe, text in list_recipes() if recipe.startswith(f"{name}/")}
    assert recipes
    for recipe, text in recipes.items():
        method, settings = resolve(recipe)
        build(METHODS[method].Config, settings, source=recipe)
        assert len(text) > 20, f"the first line of {recipe} says what it trains"


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
