"""Decode the frames of videos in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from crossimage.data.videos.complete import check_complete
from crossimage.data.videos.opening import OpenVideo, VideoError, pyav
from crossimage.data.videos.pixels import Pixels, refusal, upright

_COMPLETE = 0.95  # of the frames that the header states, which may be a few too many


def frames(path: Path) -> Iterator[tuple[float, Pixels]]:
    """Yield the time in seconds and the pixels (H, W, 3) of every frame, upright and in order.

    Colours are converted by the video's own tags, videos that state a rotation, as phones do, are
    turned by it, and interlaced ones get one image per frame.

    Raises:
        VideoError: The file holds no video, its data ends or is damaged after some frames, or its
            colours cannot be converted.
        FileNotFoundError: There is no such file.
        FailedReadError: The file cannot be read.
    """
    av = pyav("reading videos")
    with OpenVideo(path) as video:
        stream = video.stream
        start, count = None, 0
        try:
            for frame in progressive(decoded(video)):
                if reason := refusal(frame):
                    raise VideoError(f"{path} {reason}")
                time = (
                    count / float(stream.average_rate or 25) if frame.time is None else frame.time
                )
                start = time if start is None else start
                yield time - start, upright(frame)
                count += 1
        except av.FFmpegError as error:
            raise VideoError(f"{path} ends early or is damaged: {error.strerror}") from None
        if count < _COMPLETE * stream.frames - 1:
            raise VideoError(
                f"{path} ends early or is damaged: it holds {count} of {stream.frames} frames"
            )
    check_complete(path)


def decoded(
    video: OpenVideo,
    broken: Callable[[Any], None] | None = None,
    seen: Callable[[Any], None] | None = None,
) -> Iterator[Any]:
    """Yield the decoded frames of a video, from where it stands.

    Args:
        video: The video.
        broken: Called with each packet that cannot be decoded; None: the error is raised.
        seen: Called with each packet before it is decoded.

    Raises:
        FailedReadError: The file cannot be read.
        av.FFmpegError: A packet cannot be decoded.
    """
    av = pyav("reading videos")
    for packet in video.packets(video.stream):
        if seen is not None and packet.size:
            seen(packet)
        try:
            found = packet.decode()
        except av.FFmpegError:
            video.check_read()
            if broken is None:
                raise
            broken(packet)
        else:
            yield from found


def progressive(found: Iterator[Any]) -> Iterator[Any]:
    """Yield frames, each of which shows one moment, from the first interlaced one on.

    Interlaced frames consist of two fields, of every other row each, that were taken at two
    moments; the second one is interpolated from the first and from the frames before and after.

    Args:
        found: Decoded frames; they keep their time stamps.
    """
    graph: Any = None
    for frame in found:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if graph is None:
            graph = _deinterlacer(frame)
        yield from graph(frame)
    if graph is not None:
        yield from graph(None)


def _deinterlacer(first: Any) -> Callable[[Any], Iterator[Any]]:
    """Return a function that takes a frame, or None at the end, and yields those that are ready."""
    av = pyav("reading videos")
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=first.time_base
    )
    # of each frame one, and only of those that are marked as interlaced
    deinterlace = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    graph.link_nodes(source, deinterlace, sink).configure()

    def step(frame: Any) -> Iterator[Any]:
        graph.vpush(frame)
        while True:
            try:
                yield graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return

    return step


def stamp(frame: Any) -> Fraction | None:
    """Return when a frame is shown, in seconds; None if nothing says so."""
    return None if frame.pts is None else frame.pts * frame.time_base


def restamped(found: Iterator[Any], rate: Fraction) -> Iterator[Any]:
    """Give frames the time stamps that follow from when they were decoded, the first one 0.

    This is for files such as AVIs with frames that refer to later ones, whose time stamps are
    missing or are those of other frames.

    Args:
        found: Decoded frames, in the order in which they are shown.
        rate: Frames per second, for those that state nothing at all.
    """
    first, last, step = None, None, 1
    for frame in found:
        if last is None:
            step = max(1, round(1 / (rate * frame.time_base)))
            if frame.dts is None and frame.duration:
                step = frame.duration  # by the stream itself; the rate is the demuxer's guess
        number = 0 if last is None else last + step
        if frame.dts is not None:
            first = frame.dts - number if first is None else first
            number = max(number if last is None else last + 1, frame.dts - first)
        frame.pts = last = number
        yield frame
