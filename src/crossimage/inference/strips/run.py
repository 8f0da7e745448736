"""Carries out a planned translation, strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from crossimage.inference.strips.maps import Maps
from crossimage.inference.strips.passes import Passes
from crossimage.inference.strips.plan import StripPlan
from crossimage.inference.strips.stash import FileStash, MemoryStash, Stash
from crossimage.inference.strips.statistics import OWN, NormStatistics
from crossimage.inference.strips.trace import Traced


class StripRun:
    """A translation in progress.

    Args:
        traced: The translation.
        plan: How it is carried out.
        device: Where it is computed.
        folder: Where files for maps are made; None: the system's folder for temporary files.
        advance: Called with the share of the work that is done, in [0, 1], after every strip.
        statistics: What norms normalise by.
    """

    def __init__(
        self,
        traced: Traced,
        plan: StripPlan,
        device: torch.device,
        folder: Path | None = None,
        advance: Callable[[float], None] | None = None,
        statistics: NormStatistics = OWN,
    ) -> None:
        self.device, self._statistics = device, statistics
        self._traced, self._plan, self._folder = traced, plan, folder
        self._advance, self._done, self._pass = advance, 0.0, 0

    def strips(self, image: Maps) -> Iterator[tuple[int, Tensor]]:
        """Yield the translation of an image: the first row of each strip, and the strip."""
        passes = Passes(self._traced, self, planning=False, statistics=self._statistics)
        result = passes.maps_of(image)
        yield from self._read(result)

    def scan(
        self, source: Maps, visit: Callable[[Tensor], None] | None, stash: bool
    ) -> Stash | None:
        """Read all rows of maps once."""
        kept = self._stash(source) if stash else None
        for top, piece in self._read(source):
            if visit is not None:
                visit(piece)
            if kept is not None:
                kept.write(top, piece)
        return kept

    def _stash(self, source: Maps) -> Stash:
        if self._plan.in_file:
            return FileStash(source.like(), self.device, self._folder)
        return MemoryStash(source.like(), self.device)

    def _read(self, source: Maps) -> Iterator[tuple[int, Tensor]]:
        """Yield all rows of maps in strips, as the next pass of the plan says."""
        rows, work = self._plan.rows[self._pass], self._plan.work[self._pass]
        self._pass += 1
        total = sum(self._plan.work)
        for top in range(0, source.height, rows):
            bottom = min(top + rows, source.height)
            with (
                torch.no_grad(),
                torch.autocast(self.device.type, torch.bfloat16, enabled=self._traced.bf16),
            ):
                piece = source.read(top, bottom)
            yield top, piece
            del piece
            self._done += work * (bottom - top) / source.height
            if self._advance is not None:
                self._advance(min(1.0, self._done / total))
