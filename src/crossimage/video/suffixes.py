"""Suffixes of the videos that are written."""

from __future__ import annotations

from pathlib import Path

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""FFmpeg's names of video files by their suffix."""

ANIMATIONS = (".gif", ".webp")


def check_suffix(out: Path) -> None:
    """Refuse a video whose suffix no kind of video has; a folder of frames has none.

    Raises:
        ValueError: It has such a suffix.
    """
    known = [*FORMATS, *ANIMATIONS]
    if out.suffix and out.suffix.lower() not in known:
        raise ValueError(
            f"{out} has the suffix {out.suffix}; videos are written as {', '.join(known)}, and "
            "folders of frames without a suffix"
        )
