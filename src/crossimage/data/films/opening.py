"""Open films."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crossimage.utils.files import check_not_special

_STILL = ("image2", "tty")
"""Formats, in FFmpeg's names, that are not films; so are all whose names end in ``_pipe``."""


class FilmError(ValueError):
    """A file that is no film, or a film that cannot be read; the message names the file."""


def pyav(needed_by: str) -> Any:
    """Return the package PyAV.

    Raises:
        ValueError: It is not installed.
    """
    if find_spec("av") is None:
        raise ValueError(
            f"{needed_by} needs the package PyAV; run `pip install 'crossimage[video]'`"
        )
    import av

    return av


def probe_film(path: Path) -> None:
    """Check, from the start of a file, that it is a film.

    Raises:
        FilmError: The file holds no film that can be read.
        FileNotFoundError: There is no such file.
    """
    container, _ = open_film(path)
    container.close()


def open_film(path: Path) -> tuple[Any, Any]:
    """Open a film.

    Args:
        path: The file.

    Returns:
        Its container and the stream of its moving images, in PyAV's classes; covers of music and
        other still images do not count.

    Raises:
        FilmError: The file holds no film that can be read.
        FileNotFoundError: There is no such file.
    """
    av = pyav("reading films")
    from av.stream import Disposition

    if path.is_dir() or not path.exists():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {found}; expected a film")
    check_not_special(path)
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        reason = f"{error.strerror} (a film whose beginning or end is missing, or another file)"
        if not path.stat().st_size:
            reason = "it is empty"
        raise FilmError(f"{path} is not a film: {reason}") from None
    kind = container.format.name
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    moving = [stream for stream in container.streams.video if not stream.disposition & still]
    if not moving or kind in _STILL or kind.endswith("_pipe"):
        container.close()
        raise FilmError(f"{path} is not a film: it has no moving images")
    stream = max(moving, key=lambda s: bool(s.disposition & Disposition.default))
    if stream.metadata.get("alpha_mode") == "1":
        container.close()
        raise FilmError(
            f"{path} keeps its transparency apart from its colours (VP8 or VP9 with alpha), which "
            "can't be read here; render it onto a background first"
        )
    return container, stream
