"""Films of every kind by their paths: which source reads one, and which sink writes one."""

from __future__ import annotations

from pathlib import Path

from crossimage.utils.progress import ProgressCallback
from crossimage.video.animations import Animation, AnimationSink, is_animation
from crossimage.video.film import FilmSink, FilmSource
from crossimage.video.joining import FilmFileSink
from crossimage.video.numbered import FrameFolder, FrameFolderSink
from crossimage.video.parts import drop_parts
from crossimage.video.reading import FilmFile
from crossimage.video.suffixes import ANIMATIONS, check_suffix


def open_source(path: Path, progress: ProgressCallback | None = None) -> FilmSource:
    """Open a film and scan all of its frames.

    Args:
        path: A film: a film file, a GIF, an animated WebP, or a folder of numbered frames.
        progress: Receives the number of frames scanned.

    Raises:
        FileNotFoundError: There is no such file.
        FilmError: It is not a film, or one that cannot be translated; the message names the file.
    """
    if path.is_dir():
        return FrameFolder(path)
    if path.is_file() and is_animation(path):
        return Animation(path)
    return FilmFile(path, progress)


def check_out(out: Path) -> None:
    """Refuse a result that can't be written, before anything is read.

    Raises:
        ValueError: No kind of film has its suffix, or it would replace a folder.
    """
    check_suffix(out)
    if out.is_dir() and (out.suffix or any(out.iterdir())):
        if not out.suffix:
            drop_parts(out)
        found = "is a folder" if out.suffix else "exists and is not empty"
        raise ValueError(f"{out} {found}; remove it, or choose another --out")
    if not out.suffix and out.is_file():
        raise ValueError(
            f"{out} is a file, and a name without a suffix is a folder of frames; remove it, or "
            "choose another --out"
        )


def open_sink(out: Path, source: FilmSource) -> FilmSink:
    """Return what writes the translation of a film.

    Args:
        out: The result; its suffix says which kind of film it is.
        source: The film that is translated.

    Raises:
        ValueError: It can't be written, or what it needs is not installed.
    """
    check_out(out)
    if not out.suffix:
        return FrameFolderSink(out, source)
    if out.suffix.lower() in ANIMATIONS:
        return AnimationSink(out, source)
    return FilmFileSink(out, source)
