"""Feature maps that are kept: in memory, or in a temporary file."""

from __future__ import annotations

import tempfile
import weakref
from mmap import mmap
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from crossimage.inference.strips.maps import Maps


class Stash(Maps):
    """Maps that were computed once and are read again.

    They are stored row by row, so that strips are contiguous. The values of a row are in the memory
    order of the first rows written.

    Args:
        like: A tensor of their shape and type.
        device: Device of the rows that are read.
    """

    def __init__(self, like: Tensor, device: torch.device) -> None:
        super().__init__(like)
        self._device = device
        self._last: bool | None = None  # whether the channels are the last axis of a row

    def write(self, top: int, piece: Tensor) -> None:
        """Keep rows (N, C, h, W)."""
        if self._last is None:
            self._last = piece.shape[1] > 1 and piece.is_contiguous(
                memory_format=torch.channels_last
            )
        order = (2, 0, 3, 1) if self._last else (2, 0, 1, 3)
        self._put(top, piece.permute(order))

    def read(self, top: int, bottom: int) -> Tensor:
        """Return a copy of some rows."""
        rows = self._get(top, bottom)
        if self._last:
            return rows.permute(1, 3, 0, 2).contiguous(memory_format=torch.channels_last)
        return rows.permute(1, 2, 0, 3).clone(memory_format=torch.contiguous_format)

    def peak(self, rows: int) -> int:
        """Return the bytes of the copy, and of rows in another order."""
        return 2 * self.size(rows)

    def _row_shape(self) -> tuple[int, ...]:
        n, c, _, w = self.shape
        return (n, w, c) if self._last else (n, c, w)

    def _put(self, top: int, rows: Tensor) -> None:
        raise NotImplementedError

    def _get(self, top: int, bottom: int) -> Tensor:
        raise NotImplementedError


class PlannedStash(Stash):
    """Maps that would be kept, in a plan."""


class MemoryStash(Stash):
    """Maps kept in memory, which the system has back as soon as they are no longer needed."""

    def __init__(self, like: Tensor, device: torch.device) -> None:
        super().__init__(like, device)
        if device.type == "cpu":  # a mapping of its own: freed memory of others may be kept
            self._values = torch.frombuffer(mmap(-1, self.size()), dtype=self.dtype)
        else:
            self._values = torch.empty(
                self.size() // self.dtype.itemsize, dtype=self.dtype, device=device
            )

    def _rows(self) -> Tensor:
        return self._values.view(self.height, *self._row_shape())

    def _put(self, top: int, rows: Tensor) -> None:
        self._rows()[top : top + len(rows)] = rows

    def _get(self, top: int, bottom: int) -> Tensor:
        rows = self._rows()[top:bottom]
        return rows.clone() if self._last else rows


class FileStash(Stash):
    """Maps kept in a file without a name, which vanishes with this object or with the process.

    Args:
        like: A tensor of their shape and type.
        device: Device of the rows that are read.
        folder: Where the file is.
    """

    def __init__(self, like: Tensor, device: torch.device, folder: Path | None) -> None:
        super().__init__(like, device)
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - see below
        weakref.finalize(self, self._file.close)

    def _put(self, top: int, rows: Tensor) -> None:
        values = rows.cpu().contiguous()
        self._file.seek(top * self.size(1))
        self._file.write(_bytes_of(values))

    def _get(self, top: int, bottom: int) -> Tensor:
        values = torch.empty((bottom - top, *self._row_shape()), dtype=self.dtype)
        self._file.seek(top * self.size(1))
        buffer = _bytes_of(values)
        while len(buffer):
            count = self._file.readinto(buffer)  # type: ignore[attr-defined]
            assert count, "rows are read after they were written"
            buffer = buffer[count:]
        return values.to(self._device)


def _bytes_of(values: Tensor) -> memoryview:
    """Return the memory of a contiguous tensor on the CPU."""
    return values.view(-1).view(torch.uint8).numpy().data
