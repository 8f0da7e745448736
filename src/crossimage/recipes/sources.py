"""The settings of built-in methods, read from their sources.

They stand beside the networks of their method, so that importing them means importing PyTorch. What
the command line says about settings is known sooner without.
"""

from __future__ import annotations

import ast
import builtins
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from crossimage import config
from crossimage.utils.texts.attributes import texts_of

_SOURCES = Path(__file__).parents[2]
_METHODS = "crossimage.methods"
_KNOWN = {  # what types and defaults refer to
    **vars(builtins),
    **vars(typing),
    **vars(config),
    "Path": Path,
    "field": lambda *, default_factory: default_factory(),
}


class _Class(NamedTuple):
    """A class in a source file."""

    module: str
    node: ast.ClassDef


@dataclass(frozen=True)
class Setting:
    """A setting of a method.

    Attributes:
        name: Its dotted name.
        text: Its description, in one line.
    """

    name: str
    text: str
    _module: str
    _field: ast.AnnAssign

    @cached_property
    def type(self) -> Any:
        """Its type."""
        return _evaluated(self._module, self._field.annotation)

    @property
    def is_known(self) -> bool:
        """Whether its type holds no validator of a method's own, which is left out here."""
        return not _leaves_out(self.type)

    @cached_property
    def default(self) -> Any:
        """Its value unless a recipe states another one."""
        assert self._field.value
        return _evaluated(self._module, self._field.value)


def settings_of(method: str) -> list[Setting]:
    """Return the settings of a method, groups included, in the order of its config.

    The list is empty if the method is not built in, or the sources are not installed.
    """
    try:
        table = next(value for name, value in _assigned(_tree(_METHODS)) if name == "METHODS")
        assert isinstance(table, ast.Dict)
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == method:
                cls = _find(_METHODS, value)
                assert cls
                own = next(value for name, value in _assigned(cls.node) if name == "Config")
                found = _find(cls.module, own)
                assert found
                return list(_settings(found))
    except OSError:
        pass
    return []


def _settings(cls: _Class, prefix: str = "") -> Iterator[Setting]:
    fields, texts = _fields(cls), _texts(cls)
    for name, (module, field) in fields.items():
        if group := _group(module, field):
            yield from _settings(group, f"{prefix}{name}.")
        else:
            yield Setting(prefix + name, texts.get(name, ""), module, field)


def _fields(cls: _Class) -> dict[str, tuple[str, ast.AnnAssign]]:
    """Return the fields of a class and its bases, with the modules that define them."""
    fields: dict[str, tuple[str, ast.AnnAssign]] = {}
    for base in _bases(cls):
        fields |= _fields(base)
    for each in cls.node.body:
        if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation):
            fields[ast.unparse(each.target)] = cls.module, each
    return fields


def _texts(cls: _Class) -> dict[str, str]:
    texts: dict[str, str] = {}
    for base in _bases(cls):
        texts |= _texts(base)
    return texts | texts_of(ast.get_docstring(cls.node) or "")


def _bases(cls: _Class) -> list[_Class]:
    return [found for base in cls.node.bases if (found := _find(cls.module, base))]


def _group(module: str, field: ast.AnnAssign) -> _Class | None:
    """Return the class of a group of settings; None if the field is a setting."""
    made = field.value.keywords if isinstance(field.value, ast.Call) else []
    return next((_find(module, word.value) for word in made if word.arg == "default_factory"), None)


def _evaluated(module: str, expression: ast.expr) -> Any:
    """Return the value of an expression of a module, which may use names of other modules."""
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    found = {name: _named(module, name) for name in names}
    code = compile(ast.Expression(expression), module, "eval")
    return eval(code, {"__builtins__": {}, **found})  # our own source


def _named(module: str, name: str) -> Any:
    """Return the value of a name in a module, without importing the module.

    Functions, which validate the values of some settings, are left out: they accept all values.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    tree = _tree(module)
    for known, value in _assigned(tree):
        if known == name:
            return _evaluated(module, value)
    for source, original in _imported(tree, name):
        return _named(source, original)
    return _unchanged


def _leaves_out(kind: Any) -> bool:
    return kind is _unchanged or any(map(_leaves_out, typing.get_args(kind)))


def _unchanged(value: Any) -> Any:
    return value


def _find(module: str, name: ast.expr) -> _Class | None:
    """Return the class of a name in a module of this package, which may import it from another."""
    if not isinstance(name, ast.Name):
        return None
    tree = _tree(module)
    for each in tree.body:
        if isinstance(each, ast.ClassDef) and each.name == name.id:
            return _Class(module, each)
    for source, original in _imported(tree, name.id):
        return _find(source, ast.Name(original))
    return None


def _imported(tree: ast.Module, name: str) -> Iterator[tuple[str, str]]:
    """Yield the module of this package that a name is imported from, and its name there."""
    for each in tree.body:
        if isinstance(each, ast.ImportFrom) and str(each.module).startswith("crossimage."):
            for alias in each.names:
                if (alias.asname or alias.name) == name:
                    yield str(each.module), alias.name


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
