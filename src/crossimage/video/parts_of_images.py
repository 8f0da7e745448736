"""Parts of videos as archives of PNG images, for results that are written once all parts exist."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from crossimage.utils.reading import open_data
from crossimage.utils.writing.pictures import encoded
from crossimage.video.base import Frame, Pixels, VideoSource

_DATE = (1980, 1, 1, 0, 0, 0)  # of every file, so that the same frames give the same bytes


def packed(frames: Iterable[Frame]) -> bytes:
    """Return an archive of frames, without loss."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for number, frame in enumerate(frames):
            image = Image.fromarray(frame.pixels)
            files.writestr(zipfile.ZipInfo(f"{number:05}.png", _DATE), encoded(image))
    return archive.getvalue()


def kept_as_images(parts: Sequence[Path]) -> Iterator[bytes]:
    """Yield the PNG images of all parts, in order."""
    for part in parts:
        with open_data(part) as data, zipfile.ZipFile(data) as files:
            for name in sorted(files.namelist()):
                yield files.read(name)


def unpacked(parts: Sequence[Path]) -> Iterator[Pixels]:
    """Yield the frames (H, W, 3) of all parts, in order."""
    for data in kept_as_images(parts):
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            yield np.asarray(image.convert("RGB"))


def lost(source: VideoSource, kind: str, *, times: bool) -> list[str]:
    """Return what a kind of result does not keep of a video, one sentence each.

    Args:
        source: The video.
        kind: What the result is, such as ``a GIF``.
        times: Whether time stamps are not kept.
    """
    info = source.info
    notes = []
    if info.path.is_file():
        if info.loops is None:  # only files that are not animations have sound
            what = "time stamps, sound or subtitles" if times else "sound or subtitles"
            notes.append(f"{kind} keeps no {what}")
        elif times:
            notes.append(f"{kind} keeps no time stamps")
    if info.aspect != 1:
        notes.append(
            f"the pixels of {info.path} are {float(info.aspect):.3g} times as wide as high, and "
            f"{kind} has square ones"
        )
    return notes
