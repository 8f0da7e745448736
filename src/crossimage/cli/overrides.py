"""Settings on the command line: ``key=value``, ``--key=value`` and ``--key value``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml


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
                raise ValueError(f"'{argument}' is not understood: expected key=value")
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
                raise ValueError(f"'{name}': '{part}' is a value, not a group of settings")
        group[last] = _parse(text)
    return nested


def _parse(text: str) -> Any:
    try:
        return yaml.safe_load(text) if text else ""
    except yaml.YAMLError:
        return text
