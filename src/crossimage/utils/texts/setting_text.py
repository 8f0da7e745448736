"""Values of settings as the command line takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from crossimage.utils.texts.yaml_text import SyntaxFault, parse_yaml


def as_text(value: Any) -> str:
    """Format the value of a setting as the command line accepts it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        if any(isinstance(part, tuple | list) for part in value):
            return f"[{','.join(f'[{as_text(part)}]' for part in value)}]"
        return ",".join(map(str, value))
    return str(value)


def names_text(names: Sequence[str]) -> str:
    """Format names as the command line accepts them, quoted where ``a,b`` would be misread."""
    plain = ",".join(names)
    try:
        as_given = parse_yaml(plain) == plain
    except SyntaxFault:  # the command line takes it as it is
        as_given = True
    except ValueError:
        as_given = False
    if as_given and all(name and name == name.strip() and "," not in name for name in names):
        return plain
    return json.dumps(list(names), ensure_ascii=False)
