"""Recipes: the settings of published experiments, as ``<method>/<experiment>.yaml``.

The first line of a recipe is a comment that describes it in one sentence. It is followed by
``method: <name>`` and keys of that method's config.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

from crossimage.config import read_yaml
from crossimage.utils.names import did_you_mean
from crossimage.utils.paths import expanded
from crossimage.utils.texts.shown import cut
from crossimage.utils.texts.yaml_text import read_yaml_text, repeated_key

__all__ = ["list_recipes", "resolve"]

_SUFFIXES = (".yaml", ".yml")


def list_recipes() -> list[tuple[str, str]]:
    """Return the names of all recipes, such as ``munit/edges2shoes``, with their descriptions."""
    return [(name, _description(path)) for name, path in sorted(_shipped().items())]


def resolve(name: str) -> tuple[str, dict[str, Any]]:
    """Find a recipe.

    Args:
        name: A recipe's name (``munit/edges2shoes``), a method's name (``munit``: no settings, that
            is, the paper's defaults) or the path of a ``.yaml`` file.

    Returns:
        The method's name, and the recipe's settings as a nested mapping.

    Raises:
        FileNotFoundError: ``name`` is the path of a file that does not exist.
        ValueError: No recipe or method has this name (the nearest one is suggested), or the file is
            not a recipe.
    """
    shipped = _shipped()
    if name in shipped:
        path = shipped[name]
    elif name.endswith(_SUFFIXES):
        path = expanded(Path(name))
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no recipe file {name}; `crossimage recipes` lists the built-in ones"
            )
    else:
        methods = {recipe.split("/")[0] for recipe in shipped}
        if name in methods:
            return name, {}
        known = list(dict.fromkeys([*sorted(methods), *_further_methods()]))
        if name in known:
            return name, {}
        if _is_path(name, known):
            raise ValueError(
                f"'{name}' is a path, not a recipe or method: the recipe comes first, and --data "
                f"takes the folders, as in `crossimage train RECIPE --data {shlex.quote(name)}`; "
                "`crossimage recipes` lists the recipes"
            )
        hint = did_you_mean(name, [*shipped, *known], 0.5) or ";"
        raise ValueError(
            f"there is no recipe or method '{name}'{hint} `crossimage recipes` lists the recipes, "
            f"and the methods are {', '.join(known)}"
        )
    settings = read_yaml(path)
    if (key := repeated_key(read_yaml_text(path))) is not None:
        raise ValueError(f"{path}: '{cut(key)}' is stated twice; keep one of its values")
    method = settings.pop("method", None)
    if not isinstance(method, str):
        raise ValueError(f"{path} does not state its method: add a line such as 'method: munit'")
    return method, settings


def _is_path(name: str, methods: Sequence[str]) -> bool:
    """Return whether what is neither a recipe nor a method is evidently a path."""
    path = expanded(Path(name))
    first, *others = name.split("/")
    return bool(name) and (
        os.path.lexists(path)
        or name.startswith((".", "/", "~"))
        or len(others) > 1
        or (len(others) == 1 and first not in methods and path.parent.is_dir())
    )


def _further_methods() -> list[str]:
    """Return the names of methods that the program has registered or other packages offer."""
    methods = sys.modules.get("crossimage.methods")  # which imports PyTorch; loaded to register
    if methods is not None:
        return list(methods.method_names())
    return [entry.name for entry in entry_points(group="crossimage.methods")]


def _shipped() -> dict[str, Path]:
    folder = Path(str(files(__name__)))
    return {f"{path.parent.name}/{path.stem}": path for path in folder.glob("*/*.yaml")}


def _description(path: Path) -> str:
    with open(path, encoding="utf-8") as file:
        first = file.readline()
    return first.lstrip("#").strip() if first.startswith("#") else ""
