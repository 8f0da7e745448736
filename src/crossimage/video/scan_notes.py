"""Notes for the user on a video whose frames have been scanned."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from crossimage.data.videos.opening import VideoError
from crossimage.video.frame_scan import MOST_BROKEN, FrameScan

_NAMED = 5
"""Broken frames that a note names."""
_COMPLETE = Fraction(95, 100)
"""Share of the stated frames or duration that a video must hold."""


def broken_frame_notes(path: Path, scan: FrameScan, stamps: Sequence[Fraction]) -> list[str]:
    """Return the notes on broken frames.

    Raises:
        VideoError: There are too many, or the video ends early.
    """
    frames, duration = scan.stated
    held = stamps[-1] + scan.length
    short = held < _COMPLETE * duration
    # an edit list may cut frames that the file states
    if len(stamps) < _COMPLETE * frames - 1 and (short or not duration):
        raise VideoError(
            f"{path} ends early: it states {frames} frames and holds {len(stamps)}; get the whole "
            "file"
        )
    if not frames and short and held < duration - 1:
        raise VideoError(
            f"{path} ends early: it states {float(duration):.2f} seconds and holds "
            f"{float(held):.2f}; get the whole file"
        )
    missing = sorted(scan.missing)
    number = len(missing) + scan.unstamped
    if not number:
        return []
    share = number / (len(stamps) + scan.unstamped)
    named = ", ".join(
        f"{stamps.index(time) + 1} (at {float(time - stamps[0]):.2f} s)"
        for time in missing[:_NAMED]
    )
    more = ", ..." if len(missing) > _NAMED else ""
    which = f": {named}{more}" if named else ""
    if share > MOST_BROKEN:
        raise VideoError(
            f"{path} is damaged: {number} of {len(stamps)} frames are broken, more than "
            f"{MOST_BROKEN:.0%}{which}; get a whole copy of it"
        )
    if number == 1:
        return [f"1 frame of {path} is broken and replaced by the last good one{which}"]
    return [f"{number} frames of {path} are broken and replaced by the last good ones{which}"]


def other_notes(path: Path, scan: FrameScan) -> list[str]:
    """Return all other notes on a video."""
    notes = []
    frames, duration = scan.stated
    found = len(scan.good) + len(scan.missing) + scan.left_out + scan.repeated + scan.unstamped
    if frames > found and scan.good[-1] + 2 * scan.length < duration:
        notes.append(f"{path} states {frames} frames and holds {found}")
    if scan.left_out:
        notes.append(
            f"{scan.left_out} frames of {path} are left out, since they depend on frames before "
            "its beginning"
        )
    if scan.repeated:
        notes.append(
            f"{scan.repeated} frames of {path} are left out, since their time stamps are not later "
            "than those of the frames before them"
        )
    if scan.guessed:
        notes.append(
            f"the time stamps of {path} are missing or wrong; its frames get those that follow "
            "from its rate"
        )
    if scan.interlaced:
        notes.append(f"{path} is interlaced; the result has one whole image per frame")
    if scan.transparent:
        notes.append(f"the transparent parts of {path} are white, as in training")
    return notes
