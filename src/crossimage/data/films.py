"""Frames of films, upright."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_COMPLETE = 0.95  # of the frames that the header states, which may be a few too many
_STILL = ("image2", "tty")
"""Formats, in FFmpeg's names, that are not films; so are all whose names end in ``_pipe``."""


class FilmError(ValueError):
    """A file that is no film, or a film that ends early; the message names the file."""


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
    _opened(path).close()


def frames(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield the time in seconds and the pixels (H, W, 3) of every frame, upright and in order.

    A film that states a rotation, as phones do, is turned by it.

    Raises:
        FilmError: The file holds no film, or its data ends or is damaged after some frames.
        FileNotFoundError: There is no such file.
    """
    av = pyav("reading films")
    with _opened(path) as container:
        stream = container.streams.video[0]
        start, count = None, 0
        try:
            for frame in container.decode(stream):
                time = (
                    count / float(stream.average_rate or 25) if frame.time is None else frame.time
                )
                start = time if start is None else start
                turns = round(frame.rotation / 90) % 4  # counterclockwise
                pixels = np.rot90(frame.to_ndarray(format="rgb24"), turns)
                yield time - start, np.ascontiguousarray(pixels)
                count += 1
        except av.FFmpegError as error:
            raise FilmError(f"{path} ends early or is damaged: {error.strerror}") from None
        if count < _COMPLETE * stream.frames - 1:
            raise FilmError(
                f"{path} ends early or is damaged: it holds {count} of {stream.frames} frames"
            )


def _opened(path: Path) -> Any:
    """Open a film; refuse files without moving images."""
    av = pyav("reading films")
    from av.stream import Disposition

    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected a film")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise FilmError(f"{path} is not a film: {error.strerror}") from None
    kind = container.format.name
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving or kind in _STILL or kind.endswith("_pipe"):
        container.close()
        raise FilmError(f"{path} is not a film: it has no moving images")
    return container
