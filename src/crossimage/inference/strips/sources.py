"""Images whose rows are read one strip at a time."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class RowSource(Protocol):
    """An image, or a batch of them, of which any rows can be read."""

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
