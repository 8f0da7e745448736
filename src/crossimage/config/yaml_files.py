"""YAML files of settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from crossimage.utils.paths import check_not_special
from crossimage.utils.texts.yaml_text import SyntaxFault, parse_yaml, read_yaml_text


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of settings.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is not YAML, its values have no end, or it is not a mapping.
    """
    check_not_special(path)
    text = read_yaml_text(path)
    try:
        content = parse_yaml(text)
    except SyntaxFault as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}; expected key: value lines") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; expected key: value lines")
    return content


def write_yaml(values: Mapping[str, Any]) -> str:
    """Return settings as YAML text, in their own order."""
    return yaml.safe_dump(dict(values), sort_keys=False, default_flow_style=None)
