"""Images whose rows are read one strip at a time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from crossimage.config import DataRules
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.files import LoadedImage, from_pixels, load_encoded, probe
from crossimage.data.images.formats import Opacity
from crossimage.data.images.pixels import ImageError, normalise
from crossimage.data.images.tiff.rows import NotInRowsError, TiffRows

_HALO = 2  # rows that a bilinear enlargement may need beyond an edge
_SCANNED = 2**24  # pixels that are searched for gaps at a time


class RowSource(Protocol):
    """An image, or a batch of images, from which any rows can be read."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, C, H and W."""

    def read(self, top: int, bottom: int) -> Tensor:
        """Return float32 rows (N, C, bottom - top, W) in [-1, 1]."""


class TensorRows:
    """The rows of a tensor (N, C, H, W)."""

    def __init__(self, x: Tensor) -> None:
        self._x = x

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, C, H and W."""
        n, c, h, w = self._x.shape
        return n, c, h, w

    def read(self, top: int, bottom: int) -> Tensor:
        """Return rows, without a copy."""
        return self._x[:, :, top:bottom]


@dataclass(frozen=True)
class Reading:
    """How image files are read; see :func:`crossimage.data.images.files.load_image`.

    Attributes:
        channels: Number of channels.
        value_range: Lowest and highest value of files of more than 8 bits.
        rules: The rules by which files are read.
        opacity: What becomes of transparent parts.
    """

    channels: int
    value_range: tuple[float, float] | None
    rules: DataRules
    opacity: Opacity


class Header(NamedTuple):
    """The size of an image file.

    Attributes:
        height: Rows.
        width: Columns.
        in_rows: Whether strips of it can be read without decoding the whole.
    """

    height: int
    width: int
    in_rows: bool


def read_header(file: ImageFile, rules: DataRules) -> Header:
    """Return the size of an image file; raise the errors of :func:`probe` if it has none.

    Files that can be read in rows may have any number of pixels.
    """
    try:
        with TiffRows(file, rules) as rows:
            return Header(rows.info.height, rows.info.width, True)
    except NotInRowsError:
        info = probe(file, rules)
        return Header(info.height, info.width, False)


class FileRows:
    """The rows of an image file: read as they are needed from a TIFF, decoded once from others.

    Use it as a context manager.

    Args:
        file: The file.
        reading: How it is read.

    Attributes:
        about: The image without its values: ``gaps`` and ``opacity`` are empty tensors if there are
            any.

    Raises:
        ImageError: The file is unreadable, or no pixel holds a value.
    """

    about: LoadedImage

    def __init__(self, file: ImageFile, reading: Reading) -> None:
        self._file, self._reading = file, reading
        self._stack = ExitStack()
        try:
            self._tiff = self._stack.enter_context(TiffRows(file, reading.rules))
            self._decoded = None
            self._size = self._tiff.info.height, self._tiff.info.width
            first = self._loaded(0, 1)
            self._may_have_gaps = first.nodata is not None or first.depth == "float"
            self._may_have_gaps |= self._tiff.layout.nodata is not None
            self.about = _without_values(first, self._find_gaps())
        except NotInRowsError:
            r = reading
            self._decoded = load_encoded(file, r.channels, r.value_range, r.rules, r.opacity)
            self._size = self._decoded.values.shape[1], self._decoded.values.shape[2]
            self.about = _without_values(self._decoded, self._decoded.gaps is not None)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        """Return the rows."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._stack.close()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, C, H and W, with N = 1."""
        return 1, self._reading.channels, *self._size

    def read(self, top: int, bottom: int) -> Tensor:
        """Return float32 rows (1, C, bottom - top, W) in [-1, 1]."""
        return normalise(self._loaded(top, bottom).values)[None]

    def beside(self, top: int, bottom: int, scale: int) -> tuple[Tensor | None, Tensor | None]:
        """Return opacity (1, h, w) and gaps (h, w) of rows of a result.

        Args:
            top: The first row of the result.
            bottom: The row after the last one.
            scale: Height and width of the result as multiples of the image's.
        """
        if self.about.opacity is None and self.about.gaps is None:
            return None, None
        first, end = max(0, top // scale - _HALO), min(self._size[0], -(-bottom // scale) + _HALO)
        loaded = self._loaded(first, end)
        opacity, gaps = loaded.opacity, loaded.gaps
        rows = slice(top - first * scale, bottom - first * scale)
        size = ((end - first) * scale, self._size[1] * scale)
        if opacity is not None and scale > 1:
            opacity = interpolate(opacity[None], size, mode="bilinear", antialias=True)[0]
        if gaps is not None and scale > 1:
            gaps = interpolate(gaps[None, None].float(), size)[0, 0].bool()
        return None if opacity is None else opacity[:, rows], None if gaps is None else gaps[rows]

    def _loaded(self, top: int, bottom: int) -> LoadedImage:
        if self._decoded is not None:
            image = self._decoded
            gaps, opacity = image.gaps, image.opacity
            return image._replace(
                values=image.values[:, top:bottom],
                gaps=None if gaps is None else gaps[top:bottom],
                opacity=None if opacity is None else opacity[:, top:bottom],
            )
        r = self._reading
        return from_pixels(
            self._tiff.read(top, bottom), self._tiff.info, r.channels, r.value_range,
            str(self._file), r.rules, r.opacity,
        )  # fmt: skip

    def _find_gaps(self) -> bool:
        """Return whether any pixel holds no value.

        Raises:
            ImageError: None does.
        """
        if not self._may_have_gaps:
            return False
        height, width = self._size
        rows, count = max(1, _SCANNED // width), 0
        for top in range(0, height, rows):
            gaps = self._tiff.read(top, min(top + rows, height)).gaps
            count += 0 if gaps is None else int(gaps.sum())
        if count == height * width:
            raise ImageError(f"{self._file} can't be used: none of its pixels holds a value")
        return count > 0


def _without_values(loaded: LoadedImage, gaps: bool) -> LoadedImage:
    """Return what is known of an image besides its pixels."""
    return loaded._replace(
        values=loaded.values[:, :0],
        gaps=torch.zeros(0, dtype=torch.bool) if gaps else None,
        opacity=None if loaded.opacity is None else loaded.opacity[:, :0],
    )
