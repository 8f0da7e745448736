"""Settings on the command line: ``key=value``, ``--key=value`` and ``--key value``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

from crossimage.utils.texts.shown import cut
from crossimage.utils.texts.yaml_text import SyntaxFault, parse_yaml

_SETTING = re.compile(r"[A-Za-z_]\w*(\.\w+)*=")


def collect_settings(arguments: Iterable[str], flags: Sequence[str] = ()) -> list[str]:
    """Move settings such as ``test_mode=eval`` among the arguments of a model to ``--set``.

    Args:
        arguments: The arguments of a command. Values of options, and paths that exist, are no
            settings.
        flags: Options that take no value.
    """
    rest: list[str] = []
    settings: list[str] = []
    for argument in arguments:
        last = rest[-1] if rest else ""
        is_value = last.startswith("--") and "=" not in last and last not in (*flags, "--set")
        if _SETTING.match(argument) and not is_value and not os.path.exists(argument):
            settings.append(argument)
        else:
            rest.append(argument)
    rest = [argument for argument in rest if argument != "--set"]
    return [*rest, "--set", *settings] if settings else rest


def refuse_repeated(arguments: Sequence[str]) -> None:
    """Refuse an option that is given more than once, of which only the last one would count.

    Raises:
        ValueError: An option is repeated.
    """
    seen: set[str] = set()
    for argument in arguments:
        option = argument.partition("=")[0].replace("_", "-")
        if not option.startswith("--"):
            continue
        if option in seen:
            raise ValueError(
                f"{cut(option)} is given more than once; give it once, followed by all its values"
            )
        seen.add(option)


def options_last(arguments: Iterable[str], flags: Sequence[str]) -> list[str]:
    """Move options and their values behind all other arguments, which may then follow options.

    Args:
        arguments: The arguments of a command.
        flags: Options that take no value.
    """
    others: list[str] = []
    options: list[str] = []
    last = ""
    for argument in arguments:
        is_value = last.startswith("--") and "=" not in last and last not in flags
        (options if is_value or argument.startswith("-") else others).append(argument)
        last = "" if is_value else argument
    return [*others, *options]


def parse_overrides(arguments: Iterable[str]) -> dict[str, Any]:
    """Parse ``key=value``, ``--key=value`` and ``--key value`` into a nested mapping.

    Values are YAML scalars or lists. A flag without a value is true, ``--no-key`` is false.

    Raises:
        ValueError: An argument has none of these forms.
    """
    nested: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, text = argument.removeprefix("--").partition("=")
        if not equals:
            if not argument.startswith("--"):
                raise ValueError(f"'{cut(argument)}' is not understood: expected key=value")
            if rest and not rest[0].startswith("--") and "=" not in rest[0]:
                text = rest.pop(0)
            else:
                text = "false" if name.startswith("no-") else "true"
                name = name.removeprefix("no-")
        group = nested
        *path, last = name.replace("-", "_").split(".")
        for part in path:
            group = group.setdefault(part, {})
            if not isinstance(group, dict):
                raise ValueError(
                    f"'{cut(name)}': '{cut(part)}' is a value, not a group of settings"
                )
        try:
            group[last] = _parse(text)
        except ValueError as error:
            raise ValueError(f"{cut(name)}: {error}") from None
    return nested


def _parse(text: str) -> Any:
    try:
        return parse_yaml(text) if text else ""
    except SyntaxFault:
        return text
