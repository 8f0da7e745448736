"""How many rows a strip has, and where maps are kept, so that a translation fits into memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from crossimage.inference.strips.maps import Maps
from crossimage.inference.strips.passes import Passes
from crossimage.inference.strips.stash import PlannedStash, Stash
from crossimage.inference.strips.statistics import OWN, NormStatistics
from crossimage.inference.strips.trace import Traced

MOST_ROWS = 256
"""Rows of the image per strip: more save little time."""
_FEW_ROWS = 32
"""Fewer rows of the image per strip cost much time: maps are rather kept in a file."""


class PlannedPass(NamedTuple):
    """A pass over maps.

    Attributes:
        height: Rows of the maps.
        work: Multiplications.
        kept: Bytes of all maps that are kept during the pass.
        peaks: Bytes that reading strips takes, by their rows: 1, 2, 4, ...
    """

    height: int
    work: float
    kept: int
    peaks: dict[int, int]

    def rows_within(self, limit: int) -> int:
        """Return the rows of the highest strips that fit; 0 if none do."""
        return max((rows for rows, peak in self.peaks.items() if peak <= limit), default=0)


class StripPlan(NamedTuple):
    """How a translation is carried out.

    Attributes:
        rows: Rows per strip of each pass.
        in_file: Whether maps are kept in files rather than in memory.
        work: Multiplications of each pass.
        kept: Bytes of the maps that are kept at the same time, at most.
        peak: Bytes of memory, at most.
    """

    rows: Sequence[int]
    in_file: bool
    work: Sequence[float]
    kept: int
    peak: int


class Survey:
    """The passes of a translation, without computing it.

    Args:
        traced: The translation.
        image: The image; nothing is read.
        device: Where it is computed.
        statistics: What norms normalise by; known ones need no passes.

    Attributes:
        passes: What each pass takes; the last one reads the result.
        device: Where the translation is computed.
        channels: Channels of the result.
    """

    def __init__(
        self, traced: Traced, image: Maps, device: torch.device, statistics: NormStatistics = OWN
    ) -> None:
        self.device = device
        self.passes: list[PlannedPass] = []
        self._kept = 0
        self._height = image.height
        result = Passes(traced, self, planning=True, statistics=statistics).maps_of(image)
        self.channels = result.shape[1]
        self.scan(result, None, False)

    def scan(
        self, source: Maps, visit: Callable[[Tensor], None] | None, stash: bool
    ) -> Stash | None:
        """Note what a pass takes."""
        kept = None
        if stash:
            kept = PlannedStash(source.like(), self.device)
            size = kept.size()
            self._kept += size
            weakref.finalize(kept, self._free, size)
        # strips of float64 statistics and of results on their way to a file
        peaks = {
            rows: source.peak(rows) + source.size(rows) for rows in self._heights(source.height)
        }
        n, c, h, w = source.shape
        self.passes.append(PlannedPass(h, (source.work + 20) * n * c * h * w, self._kept, peaks))
        return kept

    def _free(self, size: int) -> None:
        self._kept -= size

    def _heights(self, height: int) -> list[int]:
        most = max(1, min(height, MOST_ROWS * height // self._height))
        return [1 << i for i in range(most.bit_length())]

    def plan(self, limit: int) -> StripPlan | None:
        """Return how to stay within a number of bytes; None if even the lowest strips do not."""
        in_memory = [p.rows_within(limit - p.kept) for p in self.passes]
        enough = [
            rows >= min(p.height, max(1, _FEW_ROWS * p.height // self._height), max(p.peaks))
            for rows, p in zip(in_memory, self.passes, strict=True)
        ]
        if all(enough):
            return self._plan(in_memory, in_file=False)
        in_file = [p.rows_within(limit) for p in self.passes]
        return self._plan(in_file, in_file=True) if all(in_file) else None

    def of_height(self, rows: int) -> StripPlan:
        """Return a plan for strips of a number of rows of the image, with maps in memory."""
        own = [max(1, rows * p.height // self._height) for p in self.passes]
        return self._plan(own, in_file=False)

    def _plan(self, rows: Sequence[int], *, in_file: bool) -> StripPlan:
        peaks = [
            p.peaks.get(n, 0) + (0 if in_file else p.kept)
            for n, p in zip(rows, self.passes, strict=True)
        ]
        work = [p.work for p in self.passes]
        return StripPlan(rows, in_file, work, max(p.kept for p in self.passes), max(peaks))

    @property
    def least(self) -> int:
        """Bytes that the lowest strips take."""
        return max(p.peaks[1] for p in self.passes)
