"""Values of settings as the command line takes them."""

from __future__ import annotations

from typing import Any


def as_text(value: Any) -> str:
    """Format the value of a setting as the command line accepts it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        if any(isinstance(part, tuple | list) for part in value):
            return f"[{','.join(f'[{as_text(part)}]' for part in value)}]"
        return ",".join(map(str, value))
    return str(value)
