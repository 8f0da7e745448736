"""Decides whether images are translated as a whole or in strips of rows, and does the latter."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from crossimage.data.images.resize import margins
from crossimage.inference.strips.budget import Budget, untiled_bytes
from crossimage.inference.strips.maps import Input
from crossimage.inference.strips.plan import StripPlan, Survey
from crossimage.inference.strips.run import StripRun
from crossimage.inference.strips.sources import RowSource, TensorRows
from crossimage.inference.strips.statistics import OWN, NormStatistics
from crossimage.inference.strips.trace import Traced, Untraceable, trace
from crossimage.methods.base import Method
from crossimage.networks.layers.winograd import prepared_bytes
from crossimage.utils.memory import return_memory, returned_memory, show_size
from crossimage.utils.seeds import OwnRandomNumbers

Size = tuple[int, int, int, int]
"""N, C, H and W."""

FELL_BACK = "memory ran out, so that images are translated in strips of rows, with the same results"

_ROOMY = 40_000
"""Bytes per pixel that no translation takes: with as many, nothing needs to be estimated."""
_SAMPLE = 256
"""Side of the image on which the bytes per pixel are estimated."""
_MARGIN = 64 * 2**20
"""Bytes that are left to the interpreter and to the libraries."""


class TooLargeError(ValueError):
    """An image that can't be translated within the memory; the message says what would help."""


class Strips(NamedTuple):
    """A translation in strips.

    Attributes:
        shape: N, C, H and W of the result.
        rows: Yields the result: the first row of each strip, and float32 rows (N, C, rows, W).
        plan: How it is carried out.
    """

    shape: Size
    rows: Iterator[tuple[int, Tensor]]
    plan: StripPlan


class StripEngine:
    """Translates large images in strips of rows, with the same result as untiled.

    Args:
        method: The networks, in evaluation mode.
        device: Where they compute.
        bf16: Whether to compute with autocast.
        memory: Memory that translations may take, such as ``2GB``, or ``auto``.
        name: Name of the method.
        smallest: Smallest side that images are padded to.

    Attributes:
        budget: The memory that translations may take.
        fell_back: Whether memory ran out, so that images were translated in strips after all.
    """

    def __init__(
        self,
        method: Method,
        device: torch.device,
        *,
        bf16: bool,
        memory: str,
        name: str,
        smallest: int,
    ) -> None:
        self._method, self._device, self._bf16, self._name = method, device, bf16, name
        self._smallest = smallest
        self.budget = Budget(memory, device)
        self.fell_back = False
        self._prepared = 0 if bf16 else prepared_bytes(method)
        self._per_pixel: dict[object, float] = {}

    def fits(self, size: Size, target: str | Tensor, styles: int = 1) -> bool:
        """Return whether images can be translated as a whole.

        Args:
            size: N, C, H and W.
            target: The target as networks take it.
            styles: Outputs per image.
        """
        n, channels, height, width = size
        available = self.budget.available()
        pixels = n * height * width * styles
        if available is None or pixels * _ROOMY <= available:
            return True
        return pixels * self.bytes_per_pixel(channels, target) + self._prepared <= available

    def bytes_per_pixel(self, channels: int, target: str | Tensor) -> float:
        """Return the bytes that translating an image as a whole takes, per pixel of the image.

        That is 0 where it can't be estimated, since the networks are no fixed sequence of layers.
        """
        if self._method.bytes_per_pixel is not None:
            return self._method.bytes_per_pixel
        key = target if isinstance(target, str) else ""
        if key not in self._per_pixel:
            try:
                self._per_pixel[key] = self._estimate(channels, target)
            except Untraceable:
                self._per_pixel[key] = 0.0
        return self._per_pixel[key]

    def _estimate(self, channels: int, target: str | Tensor) -> float:
        style_dim = self._method.style_dim
        style = torch.zeros(1, style_dim, device=self._device) if style_dim else None
        height, width = self._method.fixed_size or (_SAMPLE, _SAMPLE)
        one = target if isinstance(target, str) else target[:1]
        added, _ = margins(height, width, self._method.multiple, self._smallest)
        size = (1, channels, height + added[0] + added[1], width + added[2] + added[3])
        with OwnRandomNumbers(0):
            traced = self._trace(size, one, style)
        # the image as given, and the result as it is returned
        beside = 4 * size[2] * size[3] * (channels + 2 * channels * self._method.upscales**2)
        return (untiled_bytes(traced) + beside) / (height * width)

    def _trace(self, size: Size, target: str | Tensor, style: Tensor | None) -> Traced:
        return trace(self._method, size, target, style, device=self._device, bf16=self._bf16)

    def translate(
        self,
        source: RowSource,
        target: str | Tensor,
        style: Tensor | None,
        *,
        folder: Path | None = None,
        rows: int | None = None,
        beside: int = 0,
        advance: Callable[[float], None] | None = None,
        statistics: NormStatistics = OWN,
    ) -> Strips:
        """Translate images in strips.

        Args:
            source: The images.
            target: The target as networks take it.
            style: Style codes (N k, style_dim).
            folder: Where maps that do not fit in memory are kept; None: the system's folder for
                temporary files.
            rows: Rows of the image per strip; None: as many as fit in memory.
            beside: Bytes of memory that the caller will need meanwhile.
            advance: Called with the share of the work that is done, in [0, 1], after every strip.
            statistics: What norms normalise by.

        Returns:
            The translation, which is computed as its rows are read.

        Raises:
            TooLargeError: The networks can't be computed in strips, or even the lowest strips do
                not fit in memory, or the disk.
        """
        n, channels, height, width = source.shape
        added, mode = margins(height, width, self._method.multiple, self._smallest)
        top, bottom, left, right = added
        size = (n, channels, height + top + bottom, width + left + right)
        if self._method.fixed_size is not None:
            side, columns = self._method.fixed_size
            reason = f"its networks take images of one size only, {columns} x {side} pixels"
            raise TooLargeError(self._refusal(size, target, reason))
        if self._method.bytes_per_pixel is not None:
            reason = "it is an exported model, whose graph takes whole images"
            raise TooLargeError(self._refusal(size, target, reason))
        try:
            traced = self._trace(size, target, style)
            like = torch.empty(size, device="meta")
            image = Input(source, added, mode, self._device, like)
            survey = Survey(traced, image, self._device, statistics)
        except Untraceable as error:
            raise TooLargeError(self._refusal(size, target, str(error))) from error
        plan = self._plan(survey, rows, (height, width), folder, beside)
        scale = self._method.upscales
        outputs = (n if style is None else len(style), survey.channels)
        run = StripRun(traced, plan, self._device, folder, advance, statistics)
        rows_of_result = _cropped(
            run.strips(image), slice(top * scale, (top + height) * scale),
            slice(left * scale, (left + width) * scale),
        )  # fmt: skip
        return Strips((*outputs, height * scale, width * scale), rows_of_result, plan)

    def _plan(
        self,
        survey: Survey,
        rows: int | None,
        size: tuple[int, int],
        folder: Path | None,
        beside: int,
    ) -> StripPlan:
        if rows is not None:
            return survey.of_height(rows)
        return_memory()
        beside += _MARGIN + self._prepared
        available = self.budget.available()
        if available is None:
            return survey.of_height(_SAMPLE)
        plan = survey.plan(available - beside)
        height, width = size
        if plan is None:
            needed = show_size(1.1 * self.budget.needed(survey.least + beside))
            raise TooLargeError(
                f"{width} x {height} pixels do not fit in memory even in strips, which need "
                f"{needed}; {self._remedy(needed)}"
            )
        where = folder or Path(tempfile.gettempdir())
        if plan.in_file and (free := shutil.disk_usage(where).free) < plan.kept:
            raise TooLargeError(
                f"{width} x {height} pixels need {show_size(plan.kept)} for maps in files, and "
                f"{where} has {show_size(free)}; make room, or allow more memory than "
                f"{show_size(self.budget.needed(available))}"
            )
        return plan

    def _remedy(self, needed: str) -> str:
        if self.budget.limit is None:
            return "close other programs, or shrink the image with size"
        return f"give memory={needed} or more (--memory on the command line), or a smaller size"

    def _refusal(self, size: Size, target: str | Tensor, reason: str) -> str:
        n, channels, height, width = size
        taken = n * height * width * self.bytes_per_pixel(channels, target)
        amount = f", which takes {show_size(taken)}" if taken else ""
        extra = int(taken) + _MARGIN + self._prepared
        remedy = self._remedy(show_size(1.3 * self.budget.needed(extra)))
        if "dropout" in reason and "test_mode" in self._method.test_settings:
            remedy = f"set test_mode=eval, which drops none, or {remedy}"
        return (
            f"{width} x {height} pixels do not fit in memory as a whole{amount}, and this "
            f"{self._name} can't translate in strips of rows, since {reason}; {remedy}"
        )

    def note_fallback(self) -> None:
        """Say once that memory ran out, so that images are translated in strips."""
        if not self.fell_back:
            self.fell_back = True
            warnings.warn(FELL_BACK, stacklevel=2)

    def translate_tensor(
        self,
        x: Tensor,
        target: str | Tensor,
        style: Tensor | None,
        statistics: NormStatistics = OWN,
    ) -> Tensor:
        """Translate images (N, C, H, W) in strips to float32 images (N k, C, H, W)."""
        outputs = (len(x) if style is None else len(style)) * x.shape[2] * x.shape[3]
        result = 4 * outputs * self._method.upscales**2 * max(self._method.channels.values())
        strips = self.translate(TensorRows(x), target, style, beside=result, statistics=statistics)
        y = torch.empty(strips.shape, device=x.device)
        for top, piece in strips.rows:
            y[:, :, top : top + piece.shape[2]] = piece
        return y


def _cropped(
    strips: Iterator[tuple[int, Tensor]], rows: slice, columns: slice
) -> Iterator[tuple[int, Tensor]]:
    """Yield those parts of strips that belong to the image, not to its margins."""
    with returned_memory():
        for top, piece in strips:
            first, last = max(top, rows.start), min(top + piece.shape[2], rows.stop)
            if first < last:
                yield first - rows.start, piece[:, :, first - top : last - top, columns].float()
