"""Films of every kind by their paths: which source reads one, and which sink writes one."""

from __future__ import annotations

from pathlib import Path

from crossimage.data.films import FilmError
from crossimage.video.animations import SUFFIXES, Animation, AnimationSink, is_animation
from crossimage.video.film import Sink, Source
from crossimage.video.numbered import FrameFolder, FrameFolderSink


def open_source(path: Path) -> Source:
    """Open a film and look through all of its frames.

    Args:
        path: A film.

    Raises:
        FileNotFoundError: There is no such file.
        FilmError: It is not a film, or one that cannot be translated; the message names the file.
    """
    if path.is_dir():
        return FrameFolder(path)
    if path.is_file() and is_animation(path):
        return Animation(path)
    raise FilmError(f"{path} is not a film")


def open_sink(out: Path, source: Source) -> Sink:
    """Return what writes the translation of a film.

    Args:
        out: The result; its suffix says which kind of film it is.
        source: The film that is translated.

    Raises:
        ValueError: No kind of film has this suffix, or what it needs is not installed.
    """
    if not out.suffix:
        return FrameFolderSink(out, source)
    if out.suffix.lower() in SUFFIXES:
        return AnimationSink(out, source)
    raise ValueError(f"{out} does not end in the suffix of a film")
