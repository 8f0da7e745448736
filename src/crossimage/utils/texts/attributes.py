"""Descriptions of attributes in docstrings."""

from __future__ import annotations

import inspect
import re


def texts_of(docstring: str) -> dict[str, str]:
    """Return the descriptions of the attributes in a docstring, each in one line."""
    _, _, attributes = inspect.cleandoc(docstring).partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.replace("``", "").split()) for name, text in found}
