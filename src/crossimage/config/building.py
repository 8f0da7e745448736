"""Building configs from nested mappings, naming their settings, and comparing them."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from crossimage.config.base import Config
from crossimage.utils.texts.setting_names import setting_of
from crossimage.utils.texts.shown import cut, few, shown

C = TypeVar("C", bound=Config)

EARLIER_DEFAULTS = {"data_rules": 1, "holdout": 0.0}
"""Values of settings that older configurations do not state; the first layer of `build`."""


_NAMED = 5  # problems in a message

_SWITCHES_OFF = {
    "steps": "epochs",
    "decay_steps": "decay_epochs",
    "decay_epochs": "decay_steps",
    "shape_steps": "shape_epochs",
    "shape_epochs": "shape_steps",
}
"""Settings that switch another one off, so that the one set last applies. ``epochs`` is not listed:
it takes precedence over ``steps``, which cannot be 0."""


def build(cls: type[C], *layers: Mapping[str, Any], source: str = "configuration") -> C:
    """Merge nested mappings into a validated config; values of later ones take precedence.

    Args:
        cls: The method's config class.
        layers: Nested mappings, such as a recipe and a user's overrides.
        source: Origin of the values, for error messages.

    Raises:
        ValueError: A key is unknown (the nearest one is suggested), or a value is invalid.
    """
    try:
        return cast(C, _validator(cls).validate_python(merged(*layers)))  # type: ignore[arg-type]
    except ValidationError as error:
        problems = error.errors(include_url=False)
        sentences = [_explain(cls, problem) for problem in problems[:_NAMED]]
        more = [""] * (len(problems) - len(sentences))
        raise ValueError(f"{source}: {few([*sentences, *more], _NAMED)}") from None


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings of settings; values of later ones take precedence."""
    values: dict[str, Any] = {}
    for layer in layers:
        for key, other in _SWITCHES_OFF.items():
            if layer.get(key) is not None and not layer.get(other):
                values[other] = 0
        _merge(values, layer)
    return values


@functools.cache  # it takes 30 ms to make one
def _validator(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _merge(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _explain(cls: type, problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"] if part not in ("", "by letter"))
    if problem["type"] == "unexpected_keyword_argument":
        return explain_unknown(key, list(keys(cls)))
    return explain_invalid(key, problem)


def explain_invalid(key: str, problem: Any) -> str:
    """Return a clause on an invalid value.

    Args:
        key: The dotted name of the setting; empty if the problem concerns several.
        problem: What pydantic says about it.
    """
    message = problem["msg"].removeprefix("Value error, ")
    if not key:
        return cut(message, 600)
    if problem["type"] == "dataclass_type":
        return (
            f"{cut(key)} is a group of settings, found {shown(problem['input'])}; set them one by "
            f"one, as {cut(key)}.NAME=VALUE"
        )
    return (
        f"{cut(key)}: {cut(message[0].lower() + message[1:], 400)}, found {shown(problem['input'])}"
    )


def explain_unknown(key: str, known: Sequence[str]) -> str:
    """Return a clause on a key that is none of the known ones, with the nearest one if any is near.

    Args:
        key: Its dotted name.
        known: The dotted names that there are.
    """
    if hint := setting_of(key.rsplit(".", 1)[-1], known):
        return f"unknown key '{cut(key)}'; {hint}"
    last = {name.rsplit(".", 1)[-1]: name for name in known}
    near = difflib.get_close_matches(key, known, 1) or [
        last[name] for name in difflib.get_close_matches(key.rsplit(".", 1)[-1], last, 1)
    ]
    return f"unknown key '{cut(key)}'" + (f"; did you mean '{near[0]}'?" if near else "")


def keys(cls: type, prefix: str = "") -> Iterable[str]:
    """Yield the dotted names of all values of a config class, in the order of its fields."""
    for field in dataclasses.fields(cls):
        group = field.default_factory
        if dataclasses.is_dataclass(group):
            yield from keys(group, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def flatten(config: object, prefix: str = "") -> dict[str, Any]:
    """Return a config's values by dotted name."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            flat |= flatten(value, f"{prefix}{field.name}.")
        else:
            flat[prefix + field.name] = value
    return flat


def to_dict(config: object) -> dict[str, Any]:
    """Return a config as nested plain values, as in YAML and JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, tuple | list):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return {
        key: plain(value)
        for key, value in dataclasses.asdict(config).items()  # type: ignore[call-overload]
    }


def differences(old: Config, new: Config, ignore: Callable[[str], bool]) -> list[str]:
    """Return lines ``key: old -> new`` for all values that differ, except for ignored keys."""
    before, after = flatten(old), flatten(new)
    return [
        f"{key}: {before.get(key)!r} -> {after.get(key)!r}"
        for key in before | after
        if before.get(key) != after.get(key) and not ignore(key)
    ]
