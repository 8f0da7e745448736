"""Video files as sources of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from crossimage.data.videos.decoding import decoded, progressive, restamped, stamp
from crossimage.data.videos.opening import OpenVideo, VideoError
from crossimage.data.videos.pixels import turned, upright
from crossimage.utils.progress import ProgressCallback
from crossimage.video.base import Frame, VideoInfo
from crossimage.video.frame_scan import RECORDED, rate_of, scan_frames
from crossimage.video.scan_notes import broken_frame_notes, other_notes


class VideoFile:
    """A video file, as a source of frames.

    All frames are decoded once when it is opened, so that everything is known of a video before
    its first frame is translated. A broken frame is replaced by the last good one.

    Args:
        path: The file.
        progress: Receives the number of frames scanned.

    Attributes:
        info: Properties of the video.
        offset: What is added to the time stamps of its streams, in seconds.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is not a video, ends early, has more than 5 % broken frames, or colours that
            cannot be converted.
    """

    def __init__(self, path: Path, progress: ProgressCallback | None = None) -> None:
        self._path = path
        scan = scan_frames(path, threads=True, progress=progress)
        guess = scan.guess
        if scan.damaged or guess:
            # with several threads, it may depend on chance which frames of a damaged video are good
            scan = scan_frames(path, threads=False, guess=guess)
        if scan.first is None:
            raise VideoError(f"{path} has no frame that can be decoded")
        self._scan = scan
        self._good = frozenset(scan.good)
        stamps = sorted(self._good | scan.missing)
        self._shown = _nearest(stamps, self._good)
        self._seeks = not (scan.damaged or scan.guessed)
        notes = [*broken_frame_notes(path, scan, stamps), *other_notes(path, scan)]
        self.offset, aspect = _placement(path)
        width, height = scan.first.width, scan.first.height
        if turned(scan.first):
            width, height, aspect = height, width, 1 / aspect
        times = [time + self.offset for time in stamps]
        end = times[-1] + scan.length
        self.info = VideoInfo(path, (width, height), times, end, aspect, notes=notes)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from the one with an index on, exactly as without a start.

        Raises:
            VideoError: The video has changed since it was opened.
        """
        found = self._from(self._shown[start])
        time, pixels = None, None
        for index in range(start, len(self._shown)):
            if time != self._shown[index]:
                time, frame = next(found, (None, None))
                if time != self._shown[index]:
                    raise VideoError(
                        f"{self._path} has changed while it was read, or its disk fails: frame "
                        f"{index + 1} of {len(self._shown)} is no longer there; run the same "
                        "command again"
                    )
                pixels = upright(frame)
            assert pixels is not None
            yield Frame(self.info.times[index], pixels)

    def _from(self, first: Fraction) -> Iterator[tuple[Fraction, Any]]:
        """Yield the good frames from one on, each with its time stamp."""
        if self._seeks and first > self._scan.good[0]:
            found = self._decode(first, seek=True)
            if (head := next(found, None)) is not None:
                yield head
                yield from found
                return
        yield from self._decode(first, seek=False)

    def _decode(self, first: Fraction, seek: bool) -> Iterator[tuple[Fraction, Any]]:
        """Yield the good frames from one on; none if seeking leads behind it."""
        with OpenVideo(self._path) as video:
            stream = video.stream
            stream.thread_type = "AUTO" if self._seeks else "NONE"
            good, last = self._scan.good, None
            # from two frames earlier, for a deinterlaced frame depends on its neighbours
            begin = good[max(0, good.index(first) - 2)]
            if seek:
                video.container.seek(int(begin / stream.time_base), stream=stream)
            frames = decoded(video, broken=lambda packet: None)
            if self._scan.guessed:
                frames = restamped(frames, rate_of(stream))
            if self._scan.interlaced:
                frames = progressive(frames)
            for frame in frames:
                time = stamp(frame)
                if time not in self._good or (last is not None and time <= last):
                    continue
                if seek and last is None and time > begin:
                    return
                last = time
                if time >= first:
                    yield time, frame


def _nearest(stamps: Sequence[Fraction], good: frozenset[Fraction]) -> list[Fraction]:
    """Return the time stamp of the good frame that is shown at each time: the last one, if any."""
    shown = next(time for time in stamps if time in good)
    result = []
    for time in stamps:
        shown = time if time in good else shown
        result.append(shown)
    return result


def _placement(path: Path) -> tuple[Fraction, Fraction]:
    """Return what is added to a video's time stamps, and the aspect ratio of its pixels."""
    with OpenVideo(path) as video:
        container = video.container
        # recorded streams begin at an arbitrary time
        arbitrary = bool(container.format.flags & RECORDED)
        begins = [
            one.start_time * one.time_base
            for one in container.streams
            if one.start_time is not None and one.time_base
        ]
        offset = -min(begins) if arbitrary and begins else Fraction(0)
        return offset, Fraction(video.stream.sample_aspect_ratio or 1)
