"""Refusal of misspelt settings and wrong values of built-in methods, without PyTorch."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from crossimage.config import explain_invalid, explain_unknown, merged
from crossimage.recipes.sources import settings_of
from crossimage.utils.texts.shown import few

_NAMED = 5  # problems in a message


def keys_of(method: str) -> list[str]:
    """Return the dotted names of a method's settings, as :func:`crossimage.config.keys` does.

    The list is empty if the method is not built in, or the sources are not installed.
    """
    return [setting.name for setting in settings_of(method)]


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


def check_values(method: str, recipe: str, *layers: Mapping[str, Any]) -> None:
    """Refuse values that a setting of a built-in method cannot have, without importing it.

    What several settings must agree on is seen when the config is built.

    Args:
        method: Name of the method.
        recipe: The recipe or method, as the user named it.
        layers: Nested settings, such as a recipe and a user's overrides.

    Raises:
        ValueError: A value is invalid.
    """
    values, sentences = merged(*layers), []
    settings = settings_of(method)
    names = [setting.name.partition(".") for setting in settings]
    for group in dict.fromkeys(group for group, dot, _ in names if dot):
        if not isinstance(value := values.get(group, {}), Mapping):
            wrong = {"type": "dataclass_type", "msg": "", "input": value}
            sentences.append(explain_invalid(group, wrong))
    for setting in settings:
        if not setting.is_known:
            continue
        try:
            TypeAdapter(setting.type).validate_python(value_of(values, setting.name))
        except KeyError:  # it has its default
            continue
        except ValidationError as error:
            for problem in error.errors(include_url=False):
                below = (str(part) for part in problem["loc"] if part not in ("", "by letter"))
                sentences.append(explain_invalid(".".join([setting.name, *below]), problem))
    if sentences:
        raise ValueError(f"{recipe}: {few(sentences, _NAMED)}")


def value_of(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of a setting by its dotted name.

    Raises:
        KeyError: It is not set.
    """
    for part in name.split("."):
        if not isinstance(values, Mapping):
            raise KeyError(name)
        values = values[part]
    return values


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _fits(key: str, known: list[str]) -> bool:
    """Return whether a key is known, a group, or below a setting that has keys of its own."""
    return any(f"{name}.".startswith(f"{key}.") or key.startswith(f"{name}.") for name in known)
