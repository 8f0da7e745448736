"""GIF and animated WebP files as videos."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image, UnidentifiedImageError
from PIL.WebPImagePlugin import WebPImageFile

from crossimage.data.images.arrays import from_pil, to_array
from crossimage.data.images.files import probe
from crossimage.data.videos.opening import VideoError
from crossimage.utils.memory import is_out_of_memory
from crossimage.utils.reading import FailedReadError, open_data, reads_noticed
from crossimage.video.base import Frame, VideoInfo, VideoSource
from crossimage.video.gif_blocks import check_gif, common_palette, gif_data
from crossimage.video.parts_of_images import lost, packed, unpacked

_QUICK, _SLOWED = 10, 100
"""Frames of up to 10 ms are shown for 100 ms, as by browsers."""
_KEYS = 16  # frames that the palette of a GIF suits
_QUALITY = 90  # of WebP, from 0 to 100


def is_animation(path: Path) -> bool:
    """Return whether a file is a GIF or a WebP, by its content."""
    with open_data(path) as file:
        head = file.read(12)
    return head.startswith(b"GIF8") or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


class Animation:
    """A GIF or WebP file, as a source of frames.

    Frames are composed as browsers do: partial frames are drawn on what the one before left behind.
    Transparent parts are white. A file with a single image is a video of one frame.

    Args:
        path: The file.

    Attributes:
        info: What is known of the video.

    Raises:
        VideoError: It ends early, or is damaged.
        BombError: It has more pixels than are decoded at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if _is_gif(path):
            check_gif(path)
        else:
            _check_riff(path)
        info = probe(str(path))
        self._size = info.width, info.height
        times, time, quick, transparent = [], Fraction(0), 0, False
        loops = 1
        for image, duration in self._decoded(0):
            times.append(time)
            quick += duration <= _QUICK
            time += Fraction(_SLOWED if duration <= _QUICK else duration, 1000)
            low, _ = image.getchannel("A").getextrema()
            transparent = transparent or low != 255
            loops = image.info["plays"]
        notes = []
        if quick:
            notes.append(
                f"{quick} of {len(times)} frames of {path} last 10 ms or less, which browsers show "
                "for 100 ms; so they do here"
            )
        if transparent:
            notes.append(f"transparent parts of {path} are white")
        self.info = VideoInfo(path, self._size, times, time, loops=loops, notes=notes)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from the one with an index on; earlier ones are decoded, too.

        Raises:
            VideoError: The video has changed since it was opened.
        """
        times = self.info.times
        found = self._decoded(start)
        for time in times[start:]:
            image, _ = next(found, (None, 0))
            if image is None or len(times) != image.info["frames"]:
                raise VideoError(
                    f"{self._path} has changed while it was read; run the command again"
                )
            yield Frame(time, to_array(from_pil(image)))

    def _decoded(self, start: int) -> Iterator[tuple[Image.Image, int]]:
        """Yield RGBA frames from an index on, and how many milliseconds they last."""
        number = 0
        try:
            with (
                reads_noticed(), open_data(self._path) as data,
                Image.open(data, formats=["GIF", "WEBP"]) as video,
            ):  # fmt: skip
                count = getattr(video, "n_frames", 1)
                if isinstance(video, WebPImageFile) and video.mode == "RGB":
                    # what no frame covers is transparent, although all frames are opaque
                    video._mode = video.rawmode = "RGBA"
                for number in range(count):
                    video.seek(number)
                    video.load()
                    if number < start:
                        continue
                    # a partial frame may lie beyond the canvas
                    image = video.convert("RGBA").crop((0, 0, *self._size))
                    image.info = {"icc_profile": video.info.get("icc_profile")}
                    image.info |= {"plays": _plays(video), "frames": count}
                    yield image, int(video.info.get("duration", 0))
        except (OSError, EOFError, SyntaxError, ValueError, UnidentifiedImageError) as error:
            if is_out_of_memory(error) or isinstance(error, VideoError | FailedReadError):
                raise
            raise VideoError(
                f"{self._path} is damaged: frame {number + 1} can't be decoded ({error}); make it "
                "again, or copy it"
            ) from error


class _AnimationSink:
    """Writes an animation, whose frames last a whole number of ticks.

    Args:
        out: The file.
        source: The video that is translated.

    Attributes:
        notes: What users should know about the result.
    """

    _kind: ClassVar[str]
    _unit: ClassVar[int]  # ticks of a second
    _least: ClassVar[int]  # fewest ticks of a frame
    _most: ClassVar[int]

    def __init__(self, out: Path, source: VideoSource) -> None:
        info, unit, least, most = source.info, self._unit, self._least, self._most
        stamps = [*info.times, info.end]
        self._plays = info.loops or 0
        notes = lost(source, self._kind, times=False)
        ticks = [round(stamp * unit) for stamp in stamps]
        exact = [after - before for before, after in zip(ticks, ticks[1:], strict=False)]
        self._durations = [min(max(duration, least), most) for duration in exact]
        if changed := sum(a != b for a, b in zip(exact, self._durations, strict=True)):
            shortest = f"{least * 1000 // unit} ms"
            notes.append(
                f"{changed} frames would be shown for less than {shortest}, which browsers slow "
                f"down; they are shown for {shortest}"
                if max(exact) <= most
                else f"{changed} frames are shown for another time, since {out.suffix} allows "
                f"{shortest} to {most // unit} s"
            )
        self.notes: Sequence[str] = notes

    def part(self, frames: Iterable[Frame]) -> bytes:
        """Keep frames without loss."""
        return packed(frames)


class GifSink(_AnimationSink):
    """Writes a GIF.

    It has one palette of 256 colours for all frames and no dithering, since dots that change from
    frame to frame would flicker.
    """

    _kind, _unit, _least, _most = "a GIF", 100, 2, 65535

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """Write the video; see :meth:`crossimage.video.base.VideoSink.join`."""
        count = len(self._durations)
        keys = {(2 * i + 1) * count // (2 * _KEYS) for i in range(_KEYS)}
        palette = common_palette(
            frame for index, frame in enumerate(unpacked(parts)) if index in keys
        )
        with out.open("wb") as file:
            for data in gif_data(unpacked(parts), palette, self._durations, self._plays):
                file.write(data)


class WebPSink(_AnimationSink):
    """Writes an animated WebP, which is compressed with loss."""

    _kind, _unit, _least, _most = "WebP", 1000, 11, 2**24 - 1

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """Write the video; see :meth:`crossimage.video.base.VideoSink.join`."""
        frames = unpacked(parts)
        first, rest = Image.fromarray(next(frames)), len(self._durations) - 1
        first.save(
            out, "WEBP", save_all=True, append_images=[_Rest(frames, rest)] if rest else [],
            duration=self._durations, loop=self._plays, quality=_QUALITY, method=4,
        )  # fmt: skip


class _Rest:
    """The frames after the first, as one image of several frames that are made when needed."""

    def __init__(self, frames: Iterator[Any], count: int) -> None:
        self.n_frames, self._frames = count, frames
        self._image: Image.Image | None = None

    def seek(self, index: int) -> None:
        self._image = Image.fromarray(next(self._frames))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._image, name)


def _is_gif(path: Path) -> bool:
    with open_data(path) as file:
        return file.read(3) == b"GIF"


def _check_riff(path: Path) -> None:
    """Compare the length in a WebP's header with the file's."""
    with open_data(path) as file:
        (stated,) = struct.unpack("<4xI", file.read(8))
    if path.stat().st_size < stated + 8:
        raise VideoError(
            f"{path} ends early: it has {path.stat().st_size:,} of {stated + 8:,} bytes; copy it "
            "again"
        )


def _plays(video: Image.Image) -> int:
    """Return how often a video is played; 0: for ever."""
    loop = video.info.get("loop")
    if video.format == "WEBP":
        return int(loop or 0)
    return 1 if loop is None else 0 if loop == 0 else int(loop) + 1
