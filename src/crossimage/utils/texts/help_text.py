"""Texts in the help of commands."""

from __future__ import annotations


def stated_default(value: str) -> str:
    """Return what help says of a default; nothing if its text says what is done by default."""
    return "" if value in ("", "''", "None", "False") else f"(default: {value})"
