"""Output that may be gone: a closed pipe or terminal, a full disk."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp"})  # categories of Unicode
_ALLOWED = "\n\t\u200c\u200d"


class LastingStream:
    """A text stream that can be written to even if nobody reads it any more.

    Args:
        stream: The stream to write to.
        on_failure: Called once with the error when the stream can no longer be written; all later
            text is dropped.
    """

    def __init__(self, stream: IO[str], on_failure: Callable[[OSError], object]) -> None:
        self._stream, self._on_failure = stream, on_failure
        self._gone = False

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream, if it can still be written."""
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        """Return the stream's attributes: encoding, isatty, fileno, ..."""
        return getattr(self._stream, name)

    def _try(self, action: Callable[[], object]) -> None:
        if self._gone:
            return
        try:
            action()
        except OSError as error:
            self._gone = True
            silence(self._stream)
            self._on_failure(error)


def silence(stream: IO[str]) -> None:
    """Redirect a stream that can't be written to nowhere, so that Python can flush it at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def printable(text: str) -> str:
    """Escape what a terminal would obey rather than show, such as control characters in names.

    Line breaks and tabs stay; invisible characters, such as those that reverse the direction of
    writing, are escaped, except the joiners within words.
    """
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in _ALLOWED or unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode()


def print_line(text: str = "") -> None:
    """Print a line on stdout; see :func:`printable`."""
    print(printable(text), flush=True)


def print_error(text: str) -> None:
    """Print a line on stderr, if anybody can read it."""
    if sys.stderr is None:
        return
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def open_missing_streams() -> None:
    """Redirect stdin, stdout and stderr to nowhere where this process was started without them.

    Otherwise the next files to be opened would take their place and receive what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
