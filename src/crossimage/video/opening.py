"""Videos of every kind by their paths: which source reads one, and which sink writes one."""

from __future__ import annotations

from pathlib import Path

from crossimage.utils.files import check_replaceable
from crossimage.utils.progress import ProgressCallback
from crossimage.video.animations import Animation, GifSink, WebPSink, is_animation
from crossimage.video.base import VideoSink, VideoSource
from crossimage.video.joining import VideoFileSink
from crossimage.video.numbered import FrameFolder, FrameFolderSink
from crossimage.video.parts import check_parts, drop_parts
from crossimage.video.reading import VideoFile
from crossimage.video.suffixes import check_suffix


def open_source(path: Path, progress: ProgressCallback | None = None) -> VideoSource:
    """Open a video and scan all of its frames.

    Args:
        path: A video: a video file, a GIF, an animated WebP, or a folder of numbered frames.
        progress: Receives the number of frames scanned.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is not a video, or one that cannot be translated; the message names the file.
    """
    if path.is_dir():
        return FrameFolder(path)
    if path.is_file() and is_animation(path):
        return Animation(path)
    return VideoFile(path, progress)


def check_out(out: Path) -> None:
    """Refuse a result that can't be written, before anything is read.

    Raises:
        ValueError: No kind of video has its suffix, or it would replace a folder or its parts
            other files.
    """
    check_suffix(out)
    check_replaceable(out)
    if out.is_dir() and (out.suffix or any(out.iterdir())):
        if not out.suffix:
            drop_parts(out)
        found = "is a folder" if out.suffix else "exists and is not empty"
        raise ValueError(f"{out} {found}; remove it, or choose another --out")
    if not out.suffix and out.exists() and not out.is_dir():
        raise ValueError(
            f"{out} is a file, and a name without a suffix is a folder of frames; remove it, or "
            "choose another --out"
        )
    check_parts(out)


def open_sink(out: Path, source: VideoSource) -> VideoSink:
    """Return what writes the translation of a video.

    Args:
        out: The result; its suffix says which kind of video it is.
        source: The video that is translated.

    Raises:
        ValueError: It can't be written, or what it needs is not installed.
    """
    check_out(out)
    if not out.suffix:
        return FrameFolderSink(source)
    if out.suffix.lower() == ".gif":
        return GifSink(out, source)
    if out.suffix.lower() == ".webp":
        return WebPSink(out, source)
    return VideoFileSink(out, source)
