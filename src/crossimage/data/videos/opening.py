"""Open videos."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crossimage.utils.paths import check_not_special
from crossimage.utils.reading import DataFile

_BUFFER = 2**16
_NO_VIDEO = ("image2", "tty")
"""Formats, in FFmpeg's names, that are not videos; so are all whose names end in ``_pipe``."""


class VideoError(ValueError):
    """A file that is not a video, or a video that cannot be read; the message names the file."""


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


def probe_video(path: Path) -> None:
    """Check, from the start of a file, that it is a video.

    Raises:
        VideoError: The file holds no video that can be read.
        FileNotFoundError: There is no such file.
    """
    OpenVideo(path).close()


class OpenVideo:
    """An open video, which is closed at the end of a ``with`` statement.

    Args:
        path: The file.

    Attributes:
        container: Its container, in PyAV's class.
        stream: The stream of its moving images; covers of music and other still images do not
            count.

    Raises:
        VideoError: The file holds no video that can be read.
        FileNotFoundError: There is no such file.
        OSError: It can't be read.
    """

    def __init__(self, path: Path) -> None:
        _check_there(path)
        self._file = DataFile(str(path))
        try:
            self.container, self.stream = self._open(path)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> OpenVideo:
        """Return the video."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the video."""
        self.close()

    def close(self) -> None:
        """Close the video and its file."""
        self.container.close()
        self._file.close()

    def packets(self, *streams: Any) -> Iterator[Any]:
        """Yield the packets of streams, from where the video stands.

        Raises:
            FailedReadError: The file can't be read; FFmpeg may take that for the end.
            av.FFmpegError: It is damaged.
        """
        try:
            yield from self.container.demux(*streams)
        finally:
            self.check_read()

    def check_read(self) -> None:
        """Raise the read that failed, if one did.

        Raises:
            FailedReadError: One did.
        """
        if self._file.failed is not None:
            raise self._file.failed from None

    def _open(self, path: Path) -> tuple[Any, Any]:
        """Return the container and the stream of the moving images."""
        av = pyav("reading videos")
        # a video is one file: a play list may not name others, here or anywhere
        options = {"protocol_whitelist": "none"}
        try:
            container = av.open(
                self._file, metadata_errors="replace", options=options, buffer_size=_BUFFER
            )
        except (av.FFmpegError, OSError) as error:
            self.check_read()
            reason = (
                f"{error.strerror} (a video whose beginning or end is missing, or another file)"
            )
            if not path.stat().st_size:
                reason = "it is empty"
            raise VideoError(f"{path} is not a video: {reason}") from None
        try:
            return container, _moving_images(path, container)
        except BaseException:
            container.close()
            raise


def _check_there(path: Path) -> None:
    if path.is_dir() or not path.exists():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {found}; expected a video")
    check_not_special(path)


def _moving_images(path: Path, container: Any) -> Any:
    """Return the stream of a video's moving images."""
    from av.stream import Disposition

    kind = container.format.name
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    moving = [stream for stream in container.streams.video if not stream.disposition & still]
    if not moving or kind in _NO_VIDEO or kind.endswith("_pipe"):
        raise VideoError(f"{path} is not a video: it has no moving images")
    stream = max(moving, key=lambda s: bool(s.disposition & Disposition.default))
    if stream.metadata.get("alpha_mode") == "1":
        raise VideoError(
            f"{path} keeps its transparency apart from its colours (VP8 or VP9 with alpha), which "
            "can't be read here; render it onto a background first"
        )
    return stream
