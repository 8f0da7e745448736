"""Films of every kind by their paths: which source reads one, and which sink writes one."""

from __future__ import annotations

from pathlib import Path

from crossimage.data.films import FilmError
from crossimage.video.film import Sink, Source


def open_source(path: Path) -> Source:
    """Open a film and look through all of its frames.

    Args:
        path: A film.

    Raises:
        FileNotFoundError: There is no such file.
        FilmError: It is not a film, or one that cannot be translated; the message names the file.
    """
    raise FilmError(f"{path} is not a film")


def open_sink(out: Path, source: Source) -> Sink:
    """Return what writes the translation of a film.

    Args:
        out: The result; its suffix says which kind of film it is.
        source: The film that is translated.

    Raises:
        ValueError: No kind of film has this suffix, or what it needs is not installed.
    """
    raise ValueError(f"{out} does not end in the suffix of a film")
