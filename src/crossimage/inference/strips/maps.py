"""Feature maps whose rows are computed when they are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from crossimage.inference.strips.sources import RowSource

Size = tuple[int, int, int, int]
"""N, C, H and W of feature maps."""


class Maps(ABC):
    """Feature maps (N, C, H, W) from which any rows can be read.

    Args:
        like: A tensor of their shape and type; it needs no memory.

    Attributes:
        shape: N, C, H and W.
        dtype: Type of the values.
        work: Multiplications per value, back to what is read from memory or a file.
    """

    work: float = 0.0

    def __init__(self, like: Tensor) -> None:
        n, c, h, w = like.shape
        self.shape: Size = (n, c, h, w)
        self.dtype = like.dtype

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.shape[2]

    @abstractmethod
    def read(self, top: int, bottom: int) -> Tensor:
        """Return rows (N, C, bottom - top, W), which nobody else holds: they may be overwritten."""

    @abstractmethod
    def peak(self, rows: int) -> int:
        """Return the bytes that reading a number of rows takes at most, these rows included."""

    def like(self) -> Tensor:
        """Return a tensor of the same shape and type, without memory."""
        return torch.empty(self.shape, dtype=self.dtype, device="meta")

    def size(self, rows: int | None = None) -> int:
        """Return the bytes of a number of rows; by default of all."""
        n, c, h, w = self.shape
        return n * c * (h if rows is None else min(rows, h)) * w * self.dtype.itemsize


class Input(Maps):
    """The image, padded to a size that the networks take.

    Args:
        source: The image.
        margins: Rows and columns that are added: top, bottom, left and right.
        mode: ``reflect`` or ``replicate``.
        device: Where rows are read to.
        like: A tensor of the padded image's shape and type.
    """

    def __init__(
        self,
        source: RowSource,
        margins: Sequence[int],
        mode: str,
        device: torch.device,
        like: Tensor,
    ) -> None:
        super().__init__(like)
        self._source, self._mode, self._device = source, mode, device
        self._top, _, self._left, self._right = margins

    def read(self, top: int, bottom: int) -> Tensor:
        """Return rows of the padded image."""
        last = self._source.shape[2] - 1
        rows = torch.arange(top, bottom) - self._top
        if self._mode == "reflect":
            rows = last - (last - rows.abs()).abs()
        rows = rows.clamp(0, last)
        low, high = int(rows.min()), int(rows.max()) + 1
        piece = self._source.read(low, high)
        if high - low != bottom - top or not torch.equal(rows, torch.arange(low, high)):
            piece = piece.index_select(2, (rows - low).to(piece.device))
        if self._left or self._right:
            piece = pad(piece, (self._left, self._right, 0, 0), self._mode)
        return piece.to(self._device, self.dtype, copy=True)

    def peak(self, rows: int) -> int:
        """Return the bytes of the rows, of those without margins, and of decoding them."""
        return 3 * self.size(rows)


class Constant(Maps):
    """Maps that do not depend on the image, such as noise."""

    def __init__(self, values: Tensor) -> None:
        super().__init__(values)
        self._values = values

    def read(self, top: int, bottom: int) -> Tensor:
        """Return a copy of some rows."""
        return self._values[:, :, top:bottom].clone()

    def peak(self, rows: int) -> int:
        """Return the bytes of the copy."""
        return self.size(rows)


class Pointwise(Maps):
    """Values that depend only on those of the same pixel, in one or several maps.

    Args:
        inputs: The maps, all of the same height and width.
        function: Computes rows from the same rows of all inputs.
        like: A tensor of the result's shape and type.
    """

    def __init__(
        self, inputs: Sequence[Maps], function: Callable[[list[Tensor]], Tensor], like: Tensor
    ) -> None:
        super().__init__(like)
        self._inputs, self._function = inputs, function
        width = self.shape[1]
        self.work = 1 + sum(x.work * x.shape[1] for x in inputs) / width

    def read(self, top: int, bottom: int) -> Tensor:
        """Compute rows."""
        return self._function([x.read(top, bottom) for x in self._inputs])

    def peak(self, rows: int) -> int:
        """Return the bytes of all inputs and the result, or of computing one of the inputs."""
        held, most = 0, 0
        for x in self._inputs:
            most = max(most, held + x.peak(rows))
            held += x.size(rows)
        return max(most, held + self.size(rows))


class Local(Maps):
    """Values that depend on a few rows around their own: convolutions, pooling, upsampling.

    The input is read with a halo, the layer runs as it is, with its own padding, and what the halo
    made is cut off. Pieces begin at multiples of the stride, so that the layer sees the same
    phases as on the whole maps.

    Args:
        source: The input.
        function: The layer.
        reach: What its values depend on.
        like: A tensor of the result's shape and type.
    """

    def __init__(
        self, source: Maps, function: Callable[[Tensor], Tensor], reach: Reach, like: Tensor
    ) -> None:
        super().__init__(like)
        self._source, self._function, self._reach = source, function, reach
        n, c, h, w = self.shape
        before = source.shape[1] * source.shape[2] * source.shape[3]
        self.work = reach.taps + source.work * before / (c * h * w)

    def read(self, top: int, bottom: int) -> Tensor:
        """Compute rows."""
        first, end = self._needed(top, bottom)
        piece = self._function(self._source.read(first, end))
        start = first * self._reach.up // self._reach.down
        return piece[:, :, top - start : bottom - start]

    def _needed(self, top: int, bottom: int) -> tuple[int, int]:
        """Return the rows of the input that rows of the output need."""
        up, down, halo = self._reach.up, self._reach.down, self._reach.halo
        first = max(0, top * down // up - halo) // down * down
        end = min(self._source.height, -(-bottom * down // up) + halo)
        return first, end

    def peak(self, rows: int) -> int:
        """Return the bytes of input, output and what the layer needs besides."""
        reach = self._reach
        needed = -(-rows * reach.down // reach.up) + 2 * reach.halo + reach.down
        needed = min(needed, self._source.height)
        made = needed * reach.up // reach.down + 1
        held = (1 + reach.copies[0]) * self._source.size(needed)
        return max(self._source.peak(needed), held + (1 + reach.copies[1]) * self.size(made))


class Reach:
    """Which rows of the input a layer's output depends on, and what computing it costs.

    Attributes:
        up: Rows of the output per ``down`` rows of the input.
        down: Rows of the input per ``up`` rows of the output; pieces begin at multiples of it.
        halo: Rows of the input that are needed above and below, a multiple of ``down``.
        taps: Multiplications per value.
        copies: How many times the input and the output are held in memory besides themselves.
    """

    def __init__(
        self,
        up: int = 1,
        down: int = 1,
        halo: int = 0,
        taps: float = 1.0,
        copies: tuple[int, int] = (0, 0),
    ) -> None:
        self.up, self.down, self.taps, self.copies = up, down, taps, copies
        self.halo = -(-halo // down) * down
