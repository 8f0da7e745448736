"""Whether a video's file ends where its own lengths say, which no decoder checks."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from crossimage.data.videos.opening import VideoError
from crossimage.utils.reading import open_data

_NEEDED = {b"moov", b"mdat", b"moof"}
"""Boxes of MP4 and MOV that hold frames, sound, or where these are."""
_FIRST = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
_EBML, _SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")


def check_complete(path: Path) -> None:
    """Compare the lengths that MP4, MOV, MKV and WebM state with that of the file.

    FFmpeg reads what there is: of a video whose end is missing fewer frames, or no sound, without
    an error. Files of other kinds pass.

    Raises:
        VideoError: The end of the video is missing.
    """
    with open_data(path) as file:
        head = file.read(8)
        file.seek(0)
        end = 0
        if head[:4] == _EBML:
            end = _end_of_segment(file)
        elif head[4:] in _FIRST:
            end = _end_of_boxes(file, path.stat().st_size)
    if end > (size := path.stat().st_size):
        raise VideoError(
            f"{path} ends early: it has {size:,} of {end:,} bytes; copy or download it again"
        )


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Return where the boxes that are needed end, as far as the file goes."""
    start, end = 0, 0
    while start < size:
        file.seek(start)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # up to the end of the file, or no box
            break
        start += length
        if kind in _NEEDED:
            end = start
    return end


def _end_of_segment(file: BinaryIO) -> int:
    """Return where the segment of a Matroska file ends; 0 if it does not say so, as live videos."""
    file.seek(4)
    file.seek(_number(file) or 0, 1)
    if file.read(4) != _SEGMENT:
        return 0
    length = _number(file)
    return 0 if length is None else file.tell() + length


def _number(file: BinaryIO) -> int | None:
    """Read a number of EBML, of 1 to 8 bytes; None if it is unknown or the file ends."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    count = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(count - 1), "big") & ((1 << 7 * count) - 1)
    return None if value == (1 << 7 * count) - 1 else value
