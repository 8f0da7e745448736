"""Video files as results: parts joined, with the sound and the subtitles of the input."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import Any

from crossimage.data.videos.opening import OpenVideo, pyav
from crossimage.utils.reading import read_data
from crossimage.video.base import Frame, VideoSource
from crossimage.video.encoding import Encoder, packets
from crossimage.video.reading import VideoFile
from crossimage.video.suffixes import FORMATS

_COPIED = ("audio", "subtitle")
"""Types of streams whose packets are copied."""

_CHAPTERS = "bin_data"
"""Name of the stream in which mp4 and mov keep the titles of chapters."""

_OF_THE_FILE = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "bps",
    "number_of_frames",
    "number_of_bytes",
}
"""Metadata about how a file was written, which do not hold for another one."""


class VideoFileSink:
    """Writes video files.

    Args:
        out: The result.
        source: The video whose translation it is; sound and subtitles are those of video files.

    Attributes:
        notes: What the result lacks, one sentence each.
    """

    def __init__(self, out: Path, source: VideoSource) -> None:
        self._format = FORMATS[out.suffix.lower()]
        self._info, self._encoder = source.info, Encoder(source.info)
        self._offset = source.offset if isinstance(source, VideoFile) else Fraction(0)
        self._copied: list[int] = []
        self.notes: Sequence[str] = ()
        if isinstance(source, VideoFile):
            self._copied, self.notes = self._choose(out)

    def part(self, frames: Iterable[Frame]) -> bytes:
        """Encode consecutive frames; see :class:`crossimage.video.base.VideoSink`."""
        return self._encoder.encode(frames)

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """Write the video that consists of parts; see :class:`crossimage.video.base.VideoSink`.

        Raises:
            OSError: It cannot be written.
            ValueError: It is incomplete, without any error of the disk.
        """
        av = pyav("writing videos")
        # nothing in the result depends on when or where it is made
        options = {"fflags": "+bitexact"}
        if self._format != "matroska":
            options |= {"movflags": "+faststart", "movie_timescale": str(self._movie_ticks())}
        with ExitStack() as stack:
            result = stack.enter_context(
                av.open(str(out), "w", format=self._format, options=options)
            )
            stream = _add_video_stream(result, read_data(parts[0]), self._encoder.tick)
            sources = [self._video_packets(parts, stream)]
            if self._copied:
                video = stack.enter_context(OpenVideo(self._info.path))
                others = {
                    index: result.add_stream_from_template(video.container.streams[index])
                    for index in self._copied
                }
                _describe(video.container, result, others)
                sources.append(self._other_packets(video, others))
            for _, packet in heapq.merge(*sources, key=itemgetter(0)):
                result.mux(packet)
        self._check(out)

    def _movie_ticks(self) -> int:
        """Return the ticks per second in which a video of several streams says when each begins."""
        ticks = self._encoder.tick.denominator
        return ticks * max(1, -(-1000 // ticks))

    def _video_packets(self, parts: Sequence[Path], stream: Any) -> Iterator[tuple[Fraction, Any]]:
        """Yield the packets of the parts, each with its time in seconds."""
        info, tick = self._info, self._encoder.tick
        ends = [*info.times[1:], info.end]
        index = 0
        for part in parts:
            for packet in packets(read_data(part)):
                time = info.times[index]
                packet.pts = packet.dts = round(time / tick)
                packet.duration = max(1, round(ends[index] / tick) - packet.pts)
                packet.time_base, packet.stream = tick, stream
                yield time, packet
                index += 1

    def _other_packets(
        self, video: OpenVideo, streams: dict[int, Any]
    ) -> Iterator[tuple[Fraction, Any]]:
        """Yield the packets of sound and subtitles, each with its time in seconds."""
        last = Fraction(0)
        for packet in video.packets([video.container.streams[index] for index in streams]):
            if not packet.size or (packet.dts is None and packet.pts is None):
                continue
            shift = round(self._offset / packet.time_base)
            packet.pts = (packet.dts if packet.pts is None else packet.pts) + shift
            packet.dts = packet.pts if packet.dts is None else packet.dts + shift
            if self._format == "matroska" and packet.pts + (packet.duration or 0) <= 0:
                continue  # sound before the video that is not to be heard
            last = max(last, packet.dts * packet.time_base)
            packet.stream = streams[packet.stream_index]
            yield last, packet

    def _choose(self, out: Path) -> tuple[list[int], list[str]]:
        """Return the streams that are copied, and sentences about the others."""
        copied, lost = [], Counter[str]()
        with OpenVideo(self._info.path) as video:
            container = video.container
            for one in container.streams:
                if one.index == video.stream.index:
                    continue
                if one.name == _CHAPTERS and container.chapters():
                    continue
                kind = f"{one.type} ({one.name or 'of an unknown kind'})"
                if one.type not in _COPIED or not self._holds(one):
                    lost[kind] += 1
                else:
                    copied.append(one.index)
        if not lost:
            return copied, []
        what = ", ".join(f"{number} of {kind}" for kind, number in lost.items())
        advice = "; --out with the suffix .mkv keeps more kinds" if out.suffix != ".mkv" else ""
        return copied, [f"streams of {self._info.path} that {out} can't hold: {what}{advice}"]

    def _holds(self, stream: Any) -> bool:
        """Return whether the format of the result can hold a stream."""
        av = pyav("writing videos")
        try:
            with av.open(BytesIO(), "w", format=self._format) as trial:
                trial.add_stream_from_template(stream)
                trial.start_encoding()
        except (av.FFmpegError, ValueError):
            return False
        return True

    def _check(self, out: Path) -> None:
        """Refuse a result that is not complete, such as on a disk that loses what is written."""
        with OpenVideo(out) as video:
            found = sum(bool(packet.size) for packet in video.packets(video.stream))
        expected = len(self._info.times)
        if found != expected:
            raise ValueError(
                f"{out} holds {found} of {expected} frames after it was written; check its disk, "
                "and run the same command again"
            )


def _add_video_stream(result: Any, part: bytes, tick: Fraction) -> Any:
    """Add the stream of parts to a result."""
    av = pyav("writing videos")
    with av.open(BytesIO(part)) as first:
        stream = result.add_stream_from_template(first.streams.video[0])
        stream.time_base = tick
    return stream


def _describe(container: Any, result: Any, others: dict[int, Any]) -> None:
    """Copy titles, languages and chapters."""
    for name, value in container.metadata.items():
        if not _of_the_file(name):
            result.metadata[name] = value
    for index, stream in others.items():
        given = container.streams[index]
        kept = {name: text for name, text in given.metadata.items() if not _of_the_file(name)}
        stream.metadata.update(kept)
        stream.disposition = given.disposition
    if chapters := container.chapters():
        result.set_chapters(chapters)


def _of_the_file(name: str) -> bool:
    return name.lower() in _OF_THE_FILE or name.startswith("_STATISTICS")
