"""Texts in the help of commands."""

from __future__ import annotations

import textwrap
from shutil import get_terminal_size

_WIDEST = 88  # columns of a text that is easy to read


def stated_default(value: str) -> str:
    """Return what help says of a default; nothing if its text says what is done by default."""
    return "" if value in ("", "''", "None", "False") else f"(default: {value})"


def fill(text: str, first: str = "", rest: str = "") -> str:
    """Break a text into lines that fit the terminal, between words.

    Args:
        text: The text.
        first: What stands before it.
        rest: The indent of further lines.
    """
    width = min(get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
