"""Values of users and files as messages show them, which is never at full length."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Sequence

LONGEST = 200
"""Largest number of characters of a value that a message shows."""

_DIGITS = 40
_LINE_BREAKS = {ord(c): repr(c)[1:-1] for c in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"}


class _Short(reprlib.Repr):
    """Representations that stop early, however large or deeply nested a value is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 20
        self.maxstring = self.maxother = LONGEST

    def repr_int(self, x: int, level: int) -> str:
        """Return a number, or how long it is; Python does not print very long ones."""
        if abs(x) < 10**_DIGITS:
            return str(x)
        return f"a number of about {int(x.bit_length() * 0.30103) + 1} digits"


_SHORT = _Short()


def shown(value: object) -> str:
    """Return the representation of a value, cut after 200 characters."""
    return cut(_SHORT.repr(value))


def as_sentence(text: str, names: Iterable[str] = ()) -> str:
    """Return a message as pages show it: with a capital, unless it begins with a name or path.

    Args:
        text: The message, as the command line shows it.
        names: Names that are written as they are, such as those of domains and runs.
    """
    word = re.match("[a-z]+(?=[ ,])", text)
    if not word or any(text.startswith((f"{name} ", f"{name},")) for name in names):
        return text
    return text[0].upper() + text[1:]


def cut(text: object, longest: int = LONGEST) -> str:
    """Return a text such as a name or another library's message, in one line.

    It is cut after some characters, and line breaks in it are shown as Python writes them.
    """
    text = str(text)
    text = text if len(text) <= longest else f"{text[: longest - 3]}..."
    return text.translate(_LINE_BREAKS)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its kind if it has none."""
    lines = str(error).splitlines() or [type(error).__name__]
    return cut(lines[0].strip().rstrip("."))


def few(texts: Sequence[str], most: int = 5, separator: str = "; ") -> str:
    """Join the first of many texts, and say how many more there are."""
    more = f"{separator}and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more
