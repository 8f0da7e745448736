"""A scan of all frames of a video, before anything else is done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from crossimage.data.images.checks.limit import max_pixels
from crossimage.data.videos.complete import check_complete
from crossimage.data.videos.decoding import decoded, restamped, stamp
from crossimage.data.videos.opening import OpenVideo, VideoError, pyav
from crossimage.data.videos.pixels import has_alpha, refusal
from crossimage.utils.progress import ProgressCallback

MOST_BROKEN = 0.05
"""Share of frames that may be broken."""

_EMPTY = 8
"""Bytes of packets that say no more than that the last frame stays."""
_RATE = Fraction(25)
"""Frames per second of videos that state neither a rate nor time stamps."""

RECORDED = 0x0200
"""FFmpeg's flag of formats whose time stamps may begin anywhere and jump, as in recordings."""

SCANNING = "looking through the frames"
"""Description of the first task of progress."""


@dataclass
class FrameScan:
    """The result of decoding all frames of a video once.

    Attributes:
        good: Time stamps of the frames that can be shown, ascending.
        expected: Time stamps of all packets that hold a frame to be shown.
        failed: Those of packets that cannot be decoded.
        unstamped: Number of packets that cannot be decoded and have no time stamp.
        early: Time stamps of packets that are shown before the first key frame; those that
            cannot be decoded depend on frames before the video.
        repeated: Number of frames that are not later than the one before.
        decoded: Number of frames that the decoder gave.
        faulty: Frames whose time stamps are missing or not later than the one before: those of
            being shown and of being decoded.
        guessed: Whether time stamps follow from when frames were decoded.
        interlaced: Whether there are interlaced frames.
        transparent: Whether frames have transparent parts.
        first: The first frame that can be shown; None if there is none.
        length: How long the last frame is shown, in seconds.
        stated: Frames and duration in seconds that the file states; 0 where it does not.
    """

    good: list[Fraction] = field(default_factory=list)
    expected: set[Fraction] = field(default_factory=set)
    failed: set[Fraction] = field(default_factory=set)
    unstamped: int = 0
    early: set[Fraction] = field(default_factory=set)
    repeated: int = 0
    decoded: int = 0
    faulty: tuple[int, int] = (0, 0)
    guessed: bool = False
    interlaced: bool = False
    transparent: bool = False
    first: Any = None
    length: Fraction = Fraction(0)
    stated: tuple[int, Fraction] = (0, Fraction(0))

    @property
    def missing(self) -> set[Fraction]:
        """Time stamps of broken frames."""
        # a packet may hold one of the two fields of an interlaced frame, and give none
        lost = self.failed if self.interlaced else self.failed | self.expected
        return lost - set(self.good)

    @property
    def left_out(self) -> int:
        """Number of frames that depend on those before the video."""
        return len(self.early - set(self.good))

    @property
    def guess(self) -> bool:
        """Whether the time stamps are to follow from when frames were decoded."""
        shown, decoded = self.faulty
        return shown > MOST_BROKEN * self.decoded and shown >= decoded

    @property
    def damaged(self) -> bool:
        """Whether anything cannot be decoded."""
        return bool(self.missing) or self.unstamped > 0


def scan_frames(
    path: Path, threads: bool, progress: ProgressCallback | None = None, guess: bool = False
) -> FrameScan:
    """Decode all frames of a video.

    Args:
        path: The video.
        threads: Whether to use several threads.
        progress: Receives the number of frames.
        guess: Whether time stamps follow from when frames are decoded.

    Raises:
        VideoError: It is not a video, its colours cannot be converted, or its frames differ in
            size.
    """
    with OpenVideo(path) as video:
        container, stream = video.container, video.stream
        check_complete(path)
        if stream.width * stream.height > max_pixels():
            raise VideoError(
                f"{path} has frames of {stream.width} x {stream.height} pixels, more than the "
                f"{max_pixels():,} that are decoded at once (--max-pixels)"
            )
        stream.thread_type = "AUTO" if threads else "NONE"
        duration = _stated_duration(container, stream)
        scan = FrameScan(stated=(stream.frames, duration), guessed=guess)
        total = stream.frames or int(duration * rate_of(stream))
        packets = _PacketRecord(video, scan)
        if progress:
            progress(SCANNING, 0, max(1, total))
        frames = _to_the_end(decoded(video, packets.broken, packets.seen), path)
        frames = restamped(frames, rate_of(stream)) if guess else _watched(frames, scan)
        for count, frame in enumerate(frames, 1):
            _examine(path, frame, scan, count)
            time = stamp(frame)
            if time is None:
                continue
            if frame.is_corrupt:
                scan.failed.add(time)
            elif scan.good and time <= scan.good[-1]:
                scan.repeated += 1
            else:
                scan.good.append(time)
                scan.first = scan.first or frame
                last = frame
            if progress:
                progress(SCANNING, min(count, max(1, total) - 1), max(1, total))
        if progress:
            progress(SCANNING, max(1, total), max(1, total))
        if scan.first is not None:
            length = (last.duration or 0) * last.time_base
            scan.length = length or 1 / rate_of(stream)
    return scan


class _PacketRecord:
    """Records what the packets of a video say about its frames, as they are decoded.

    Args:
        video: The video.
        scan: Receives the time stamps of the packets.
    """

    def __init__(self, video: OpenVideo, scan: FrameScan) -> None:
        self._scan = scan
        self._is_vp8 = video.stream.codec_context.name.startswith("vp8")
        # only recordings begin between key frames; elsewhere the first frame is one, or is broken
        self._begins_anywhere = bool(video.container.format.flags & RECORDED)
        self._first_key: Fraction | None = None

    def seen(self, packet: Any) -> None:
        """Record a packet before it is decoded."""
        if self._scan.guessed or packet.pts is None or packet.size <= _EMPTY:
            return
        if self._is_vp8 and not _shows(packet):
            return
        time = packet.pts * packet.time_base
        if self._first_key is None and (packet.is_keyframe or not self._begins_anywhere):
            self._first_key = time
        if packet.is_discard:
            return  # cut by an edit list, but frames that are shown may depend on it
        if self._first_key is None or time < self._first_key:
            self._scan.early.add(time)
        else:
            self._scan.expected.add(time)

    def broken(self, packet: Any) -> None:
        """Record a packet that cannot be decoded."""
        if packet.is_discard:
            return
        if self._scan.guessed or packet.pts is None:
            self._scan.unstamped += bool(packet.size)
        elif self._first_key is not None and packet.pts * packet.time_base >= self._first_key:
            self._scan.failed.add(packet.pts * packet.time_base)


def _stated_duration(container: Any, stream: Any) -> Fraction:
    """Return the duration that a file states, in seconds; 0 if it states none."""
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration or 0, 1_000_000)


def _to_the_end(frames: Iterator[Any], path: Path) -> Iterator[Any]:
    """Yield frames; a file that cannot be read to its end is refused."""
    av = pyav("reading videos")
    try:
        yield from frames
    except av.FFmpegError as error:
        raise VideoError(f"{path} ends early or is damaged: {error.strerror}") from None


def _shows(packet: Any) -> bool:
    """Return whether a packet of VP8 holds a frame to be shown, rather than one to refer to."""
    return bool(bytes(packet)[0] >> 4 & 1)


def _examine(path: Path, frame: Any, scan: FrameScan, number: int) -> None:
    """Note what kind of frame it is.

    Raises:
        VideoError: It cannot be converted.
    """
    if reason := refusal(frame):
        raise VideoError(f"{path} {reason}")
    if frame.interlaced_frame:
        scan.interlaced = True
    if has_alpha(frame):
        scan.transparent = True
    first = scan.first
    if first is not None and (frame.width, frame.height) != (first.width, first.height):
        raise VideoError(
            f"{path} changes its size: frame {number} has {frame.width} x {frame.height} pixels, "
            f"those before it {first.width} x {first.height}; cut it there into two videos"
        )


def _watched(frames: Iterator[Any], scan: FrameScan) -> Iterator[Any]:
    """Yield frames, and count those with faulty time stamps."""
    last: list[int | None] = [None, None]
    for frame in frames:
        faulty = list(scan.faulty)
        for i, number in enumerate((frame.pts, frame.dts)):
            before = last[i]
            if number is None or (before is not None and number <= before):
                faulty[i] += 1
            else:
                last[i] = number
        scan.faulty = (faulty[0], faulty[1])
        scan.decoded += 1
        yield frame


def rate_of(stream: Any) -> Fraction:
    """Return the frames per second that a stream states."""
    return Fraction(stream.average_rate or _RATE)
