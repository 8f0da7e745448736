"""Files so large that they are translated one at a time, in strips if they do not fit in memory."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self

import torch
from torch import Tensor

from crossimage.data.images.checks.size import check_size
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.formats import TIFF
from crossimage.data.images.tiff.writing import BIG_LOST, is_big
from crossimage.data.images.writing import Rows, fill_rows
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.plan import Plan
from crossimage.inference.files.results import WrittenFile
from crossimage.inference.output_types import depth_of
from crossimage.inference.outputs import Original, read_original
from crossimage.inference.predictor import Predictor
from crossimage.inference.strips.engine import Strips, TooLargeError
from crossimage.inference.strips.sources import FileRows, Header, Reading, read_header
from crossimage.inference.styles import Draw
from crossimage.inference.targets import Target
from crossimage.utils.memory import show_size
from crossimage.utils.progress import report_progress

_USUAL = 4_000
"""Bytes per pixel that translations do not take in general; images with less are looked at."""
_READ_AHEAD = 8
"""Images per image of a batch that are in memory at the same time."""
_ASK_AGAIN = 0.5  # seconds for which an answer about free memory is good enough
_PREVIEW = 512  # least side of previews, in pixels
_LOOKED_AT = 32  # rows by which a label map of class numbers is recognised
_ENCODING = 3
"""Copies of a result in memory while it is encoded as a whole."""


class LargeFiles:
    """Tells large files from others, and translates them.

    Args:
        predictor: The trained model.
        plan: What is translated to what.
        options: All other choices.
    """

    def __init__(self, predictor: Predictor, plan: Plan, options: FileOptions) -> None:
        self._predictor, self._plan, self._options = predictor, plan, options
        config = predictor.config
        letter = plan.targets[0].source
        self._reading = Reading(
            predictor.channels(letter), config.range_of(letter), config.data_rules, options.alpha
        )
        # label maps, and images that are resized, are decoded as a whole
        self._never = bool(predictor.networks.classes) or options.size is not None
        self._never |= predictor.networks.fixed_size is not None
        self._asked = -math.inf
        self._available: int | None = None

    def takes(self, file: ImageFile) -> bool:
        """Return whether a file is so large that it is read on its own, when its turn comes."""
        if self._never:
            return False
        try:
            header = self._header(file)
        except (ValueError, OSError):  # reported when it is read
            return False
        if self._plan.half.part(header.height, header.width).half != "whole":
            return False
        if header.in_rows and not self._is_decodable(file, header):
            return True
        available = self._memory()
        if available is None:
            return False
        pixels = header.height * header.width
        images = _READ_AHEAD * self._options.batch_size
        decoded = 4 * pixels * self._reading.channels * images
        return pixels * _USUAL > available or 2 * decoded > available

    def _memory(self) -> int | None:
        """Return the free memory, which is expensive to ask for before each of many small files."""
        now = time.monotonic()
        if now - self._asked > _ASK_AGAIN:
            self._available, self._asked = self._predictor.strips.budget.available(), now
        return self._available

    def fits(self, file: ImageFile) -> bool:
        """Return whether a file can be read and translated as a whole."""
        header = self._header(file)
        if not self._is_decodable(file, header):
            return not header.in_rows
        size = (1, self._reading.channels, header.height, header.width)
        predictor = self._predictor
        return predictor.strips.fits(size, self._plan.targets[0].encode(1))

    def _header(self, file: ImageFile) -> Header:
        return read_header(file, self._reading.rules)

    def _is_decodable(self, file: ImageFile, header: Header) -> bool:
        """Return whether a file has few enough pixels to be decoded at once."""
        try:
            check_size(file, header.width, header.height)
        except ValueError:
            return False
        return True

    def preview(self, file: ImageFile) -> Tensor:
        """Return a small version (C, h, w) of a file, of some of its pixels."""
        with FileRows(file, self._reading) as rows:
            return _preview(rows)

    def open(self, file: ImageFile, output: str) -> LargeFile:
        """Open a file for its translation in strips, which has an output of this name.

        Raises:
            TooLargeError: A result is larger than the space on the disk.
        """
        header, scale = self._header(file), self._predictor.networks.upscales
        scratch = self._plan.results.scratch
        free = shutil.disk_usage(scratch).free
        if header.height * header.width * scale**2 * self._reading.channels > free:
            size = f"{header.width * scale} x {header.height * scale}"
            raise TooLargeError(
                f"{file}: a result of {size} pixels does not fit into {scratch}, which has "
                f"{show_size(free)}; make room, or shrink the image with size"
            )
        return LargeFile(self._predictor, self._plan, self._options, file, output, self._reading)


class LargeFile:
    """A file that is translated in strips.

    Use it as a context manager.

    Args:
        predictor: The trained model.
        plan: What is translated to what.
        options: All other choices.
        file: The file.
        output: Name of one of its results.
        reading: How it is read.

    Attributes:
        original: What results keep of it, without its values.
    """

    def __init__(
        self,
        predictor: Predictor,
        plan: Plan,
        options: FileOptions,
        file: ImageFile,
        output: str,
        reading: Reading,
    ) -> None:
        self._predictor, self._plan, self._options, self._file = predictor, plan, options, file
        self._output = output
        self._rows = FileRows(file, reading)
        _, channels, height, width = self._rows.shape
        # which has a size, but no memory
        values = torch.empty(channels, height, width, device="meta")
        loaded = self._rows.about._replace(values=values, gaps=None, opacity=None)
        sample = _sampled(self._rows, max(1, height // _LOOKED_AT))
        original = read_original(file, loaded, predictor, plan.half, sample=sample)
        self.original = original._replace(
            loaded=self._rows.about, notes=(*original.notes, *self._lost(original))
        )
        self._range = predictor.config.range_of(plan.targets[0].letter)

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self._rows.__exit__(*error)

    def _lost(self, original: Original) -> list[str]:
        """Return what is left out of results that are so large that they are BigTIFFs."""
        if not self._output.lower().endswith(TIFF) or not original.metadata.has_groups:
            return []
        return [BIG_LOST] if is_big(self._shape(), "uint8") else []

    def _shape(self) -> tuple[int, int, int]:
        """Return H, W and C of a result."""
        scale = self._predictor.networks.upscales
        _, _, height, width = self._rows.shape
        letter = self._plan.targets[0].letter
        return height * scale, width * scale, self._predictor.channels(letter)

    def preview(self) -> Tensor:
        """Return a small version of the image (C, h, w), of some of its pixels."""
        return _preview(self._rows)

    def write(self, output: str, drawn: str, k: int) -> tuple[Tensor, WrittenFile]:
        """Translate the image, and write the result.

        Args:
            output: Name of the result.
            drawn: The name that random styles depend on.
            k: Index of the result, among those of the input.

        Returns:
            A small version of the result (C, h, w), and what was written.

        Raises:
            TooLargeError: It does not fit in memory, not even in strips.
            ValueError: The file's format can't hold the result.
            OSError: It cannot be written.
        """
        predictor, target = self._predictor, self._plan.targets[k // self._plan.samples]
        height = self._rows.shape[2]
        title = f"translating {Path(drawn).name} in strips, in rows"
        with (
            torch.no_grad(),
            report_progress(title, height, self._options.progress) as advance,
            predictor.seeded_draw(self._draw(drawn, k, target)) as style,
        ):
            strips = self._translate(target, style, output, _rows_done(height, advance))
            previews: list[Tensor] = []
            written = self._plan.results.write(
                output, lambda file: self._fill(file, output, strips, previews)
            )
        return torch.cat(previews, 1), written

    def _draw(self, name: str, k: int, target: Target) -> Draw:
        return self._plan.draw(name, k % self._plan.samples, target)

    def _translate(
        self, target: Target, style: Tensor | None, output: str, advance: Callable[[float], None]
    ) -> Strips:
        is_tiff = output.lower().endswith(TIFF)
        in_memory = 0 if is_tiff else _ENCODING * math.prod(self._shape())
        try:
            return self._predictor.strips.translate(
                self._rows, target.encode(1), style,
                folder=self._plan.results.scratch, beside=in_memory, advance=advance,
            )  # fmt: skip
        except TooLargeError as error:
            raise TooLargeError(f"{self._file}: {error}") from None

    def _fill(self, file: IO[bytes], output: str, strips: Strips, previews: list[Tensor]) -> None:
        about, original, scale = self._rows.about, self.original, self._predictor.networks.upscales
        _, channels, height, width = strips.shape
        step = _step(height, width)

        def rows() -> Iterator[Rows]:
            for top, piece in strips.rows:
                values = piece[0].cpu()
                bottom = top + values.shape[1]
                previews.append(values[:, -top % step :: step, ::step].clone())
                opacity, gaps = self._rows.beside(top, bottom, scale)
                yield values, opacity, gaps

        fill_rows(
            file, output, rows(), (channels, height, width), self._range, about.gaps is not None,
            about.nodata,
            depth=depth_of(
                self._options.depth, about.depth, Path(output).suffix.lower(), channels, self._range
            ),
            alpha=about.opacity is not None,
            metadata=original.metadata.resized(original.size, (height, width)),
        )  # fmt: skip


def _preview(rows: FileRows) -> Tensor:
    _, _, height, width = rows.shape
    step = _step(height, width)
    return _sampled(rows, step, step)


def _sampled(rows: FileRows, step: int, columns: int = 1) -> Tensor:
    """Return one of ``step`` rows of an image (C, h, w), and one of so many columns."""
    tops = range(0, rows.shape[2], step)
    return torch.cat([rows.read(top, top + 1)[0, :, :, ::columns] for top in tops], 1)


def _step(height: int, width: int) -> int:
    """Return of how many rows and columns one is shown in a preview."""
    return max(1, min(height, width) // _PREVIEW)


def _rows_done(height: int, advance: Callable[[int], None]) -> Callable[[float], None]:
    """Return a function that takes the share of the work and reports it in rows."""
    done = 0

    def report(share: float) -> None:
        nonlocal done
        now = int(height * share)
        if now > done:
            advance(now - done)
            done = now

    return report
