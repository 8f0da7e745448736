"""The settings of recipes with their values, meanings and choices."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from crossimage.config import build, merged
from crossimage.recipes.sources import settings_of
from crossimage.utils.texts.attributes import texts_of
from crossimage.utils.texts.setting_text import as_text


class Described(NamedTuple):
    """A setting of a recipe.

    Attributes:
        name: Its dotted name.
        value: Its value in the recipe, as the command line takes it.
        text: Its meaning, in one line.
        choices: Its possible values, if there are few.
    """

    name: str
    value: str
    text: str
    choices: tuple[str, ...]


def describe(method: str, settings: Mapping[str, Any], recipe: str) -> list[Described]:
    """Return all settings of a method; PyTorch is imported only for methods of other packages.

    Args:
        method: Name of the method.
        settings: The settings of the recipe, nested.
        recipe: The recipe or method, as the user named it.

    Raises:
        ValueError: The method is unknown, or a value is invalid.
    """
    values = merged(settings)
    try:
        found = [
            Described(
                setting.name,
                as_text(_validated(setting.type, _value(values, setting.name, setting.default))),
                setting.text,
                literals(setting.type),
            )
            for setting in settings_of(method)
        ]
    except ValidationError:
        found = []  # the config explains it
    if found:
        return found
    from crossimage.methods import find_method

    return list(_of_config(build(find_method(method, recipe).Config, settings, source=recipe)))


def literals(hint: Any) -> tuple[str, ...]:
    """Return the values of a type that has few, as the command line takes them."""
    if hint is bool:
        return "true", "false"
    if get_origin(hint) is Literal:
        return tuple(map(as_text, get_args(hint)))
    if get_origin(hint) in (Annotated, Union, UnionType):
        kinds = get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
        return tuple(value for kind in kinds for value in literals(kind))
    return ()


def _value(values: Mapping[str, Any], name: str, default: Any) -> Any:
    first, _, rest = name.partition(".")
    if first not in values:
        return default
    return _value(values[first], rest, default) if rest else values[first]


def _validated(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def _of_config(config: Any, prefix: str = "") -> Iterator[Described]:
    texts: dict[str, str] = {}
    for cls in reversed(type(config).__mro__):
        texts |= texts_of(inspect.getdoc(cls) or "")
    hints = get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            yield from _of_config(value, f"{name}.")
        else:
            text = texts.get(field.name, "")
            yield Described(name, as_text(value), text, literals(hints[field.name]))
