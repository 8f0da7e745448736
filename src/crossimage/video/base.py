"""Interfaces shared by all kinds of videos: frames with time stamps, sources and sinks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""An image (H, W, 3): RGB of full range, upright."""


class Frame(NamedTuple):
    """A frame of a video.

    Attributes:
        time: When it is shown, in seconds; the first frame of most videos has 0.
        pixels: Its image (H, W, 3).
    """

    time: Fraction
    pixels: Pixels


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video.

    Attributes:
        path: Its file or folder.
        size: Width and height of its frames, in pixels, upright.
        times: When each frame is shown, in seconds, ascending.
        end: When the last frame ends, in seconds.
        aspect: Width of a pixel divided by its height.
        loops: How often it is played: 0 for ever, None where nothing says so.
        notes: What users should know about it, one sentence each, such as broken frames.
    """

    path: Path
    size: tuple[int, int]
    times: Sequence[Fraction]
    end: Fraction
    aspect: Fraction = Fraction(1)
    loops: int | None = None
    notes: Sequence[str] = ()


class VideoSource(Protocol):
    """A video that can be read any number of times, from any frame on."""

    @property
    def info(self) -> VideoInfo:
        """Properties of the video."""

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from the one with an index on, exactly as without a start.

        Raises:
            VideoError: The video has changed since it was opened.
        """


class VideoSink(Protocol):
    """Writes videos of one kind, in parts, so that a killed translation can go on after the last.

    A part is a function of its frames only. Both steps give the same bytes for the same input.
    """

    notes: Sequence[str]
    """What users should know about the result, one sentence each."""

    def part(self, frames: Iterable[Frame]) -> bytes:
        """Encode consecutive frames, which are made while they are read.

        Args:
            frames: The frames, at least one.
        """

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """Write the video that consists of parts, in order.

        Args:
            parts: The files of all parts.
            out: A file or folder that does not exist, which is renamed afterwards.

        Raises:
            OSError: It cannot be written: the disk is full, ...
        """
