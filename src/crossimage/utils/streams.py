"""Output that may be gone: a closed pipe or terminal, a full disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any


class LastingStream:
    """A text stream that takes all it is given, also when nobody reads it any more.

    Args:
        stream: The stream to write to.
        on_failure: Called once with the error, when the stream can't be written any more; all that
            follows is dropped.
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
    """Have a stream that can't be written lead nowhere, so that Python can flush it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def print_error(text: str) -> None:
    """Print a line on stderr, if there is anybody to read it."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def open_missing_streams() -> None:
    """Open stdin, stdout and stderr on nothing where this process was started without them.

    The next files to be opened would take their place, and what is printed would be written into
    them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
