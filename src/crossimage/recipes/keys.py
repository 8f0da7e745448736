"""Names of the settings of built-in methods, read from their sources.

The settings of a method stand beside its networks, so that importing them means importing PyTorch.
A misspelt one is noticed without.
"""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from crossimage.config import explain_unknown
from crossimage.utils.texts.shown import few

_SOURCES = Path(__file__).parents[2]
_METHODS = "crossimage.methods"
_NAMED = 5  # problems in a message


class _Class(NamedTuple):
    """A class in a source file."""

    module: str
    node: ast.ClassDef


def keys_of(method: str) -> list[str]:
    """Return the dotted names of a method's settings, as :func:`crossimage.config.keys` does.

    The list is empty if the method is not built in, or the sources are not installed.
    """
    try:
        table = next(value for name, value in _assigned(_tree(_METHODS)) if name == "METHODS")
        assert isinstance(table, ast.Dict)
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == method:
                cls = _find(_METHODS, value)
                assert cls
                config = next(value for name, value in _assigned(cls.node) if name == "Config")
                return list(_dotted(_fields(cls.module, config)))
    except OSError:
        pass
    return []


def check_keys(
    method: str, settings: Mapping[str, Any], recipe: str, options: Sequence[str] = ()
) -> None:
    """Refuse settings that a built-in method does not have, without importing it.

    Args:
        method: Name of the method.
        settings: Nested settings.
        recipe: The recipe or method, as the user named it.
        options: Other words that the user may have meant.

    Raises:
        ValueError: A key is unknown; the nearest one is suggested.
    """
    known = keys_of(method)
    unknown = [key for key in _leaves(settings) if not _fits(key, known)] if known else []
    if unknown:
        sentences = [explain_unknown(key, [*known, *options]) for key in unknown[:_NAMED]]
        advice = f"; `{shlex.join(['crossimage', 'train', recipe, '--help'])}` lists the settings"
        said = few([*sentences, *unknown[_NAMED:]], _NAMED)
        raise ValueError(f"{recipe}: {said}{'' if ';' in said else advice}")


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _fits(key: str, known: list[str]) -> bool:
    """Return whether a key is known, a group, or below a setting that has keys of its own."""
    return any(f"{name}.".startswith(f"{key}.") or key.startswith(f"{name}.") for name in known)


def _dotted(fields: Mapping[str, _Class | None], prefix: str = "") -> Iterator[str]:
    for name, group in fields.items():
        if group:
            yield from _dotted(_fields(group.module, group.node), f"{prefix}{name}.")
        else:
            yield prefix + name


def _fields(module: str, cls: ast.expr | ast.ClassDef) -> dict[str, _Class | None]:
    """Return the fields of a class and its bases; those that are groups with their classes."""
    found = _Class(module, cls) if isinstance(cls, ast.ClassDef) else _find(module, cls)
    if found is None:
        return {}
    fields: dict[str, _Class | None] = {}
    for base in found.node.bases:
        fields |= _fields(found.module, base)
    for each in found.node.body:
        if not isinstance(each, ast.AnnAssign) or "ClassVar" in ast.unparse(each.annotation):
            continue
        made = each.value.keywords if isinstance(each.value, ast.Call) else []
        groups = [_find(found.module, word.value) for word in made if word.arg == "default_factory"]
        fields[ast.unparse(each.target)] = groups[0] if groups else None
    return fields


def _find(module: str, name: ast.expr) -> _Class | None:
    """Return the class of a name in a module of this package, which may import it from another."""
    if not isinstance(name, ast.Name):
        return None
    for each in _tree(module).body:
        if isinstance(each, ast.ClassDef) and each.name == name.id:
            return _Class(module, each)
        if isinstance(each, ast.ImportFrom) and str(each.module).startswith("crossimage."):
            for alias in each.names:
                if (alias.asname or alias.name) == name.id:
                    return _find(str(each.module), ast.Name(alias.name))
    return None


def _assigned(scope: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a module or class assigns, with their values."""
    for each in scope.body:
        if isinstance(each, ast.Assign):
            targets = each.targets
        elif isinstance(each, ast.AnnAssign):
            targets = [each.target]
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and each.value:
                yield target.id, each.value


@cache
def _tree(module: str) -> ast.Module:
    path = _SOURCES.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))
