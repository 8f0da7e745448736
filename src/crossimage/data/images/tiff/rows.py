"""Rows of TIFF files that are read without decoding the whole image."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crossimage.config import DataRules
from crossimage.data.images.checks.regular import check_regular
from crossimage.data.images.checks.size import check_sides
from crossimage.data.images.checks.tiff_pages import check_pages
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.formats import HEAD, format_of
from crossimage.data.images.pixels import ImageError, Pixels
from crossimage.data.images.tiff.decode import as_pixels, check_page
from crossimage.data.images.tiff.layout import info_of, read_layout
from crossimage.utils.reading import FailedReadError, open_data, reads_noticed

_LARGEST_BAND = 2**28
"""Bytes that the segments across an image may have; of higher ones nothing is gained."""
_BANDS = 2  # decoded bands that are kept, since strips overlap


class TiffRows:
    """A TIFF file whose image is stored in strips or tiles.

    Use it as a context manager. The number of its pixels is not limited.

    Args:
        path: The file.
        rules: The rules by which it is read.

    Attributes:
        info: The header.
        layout: How the image is stored.

    Raises:
        NotInRowsError: The image can only be read as a whole.
    """

    def __init__(self, path: ImageFile, rules: DataRules) -> None:
        self._path, self._rules = path, rules
        check_regular(path)
        self._data = open_data(path)
        try:
            self._open()
        except BaseException:
            self._data.close()
            raise

    def _open(self) -> None:
        if self._rules == 1 or format_of(self._data.read(HEAD)) != "TIFF":
            raise NotInRowsError
        try:
            with reads_noticed():
                check_pages(self._path, self._data)
                file = tifffile.TiffFile(self._data)
                layout = read_layout(file, self._rules)
            page = None if layout is None else file.series[layout.series].pages[0]
            if page is not None:
                check_page(page)
        except NotInRowsError:
            raise
        except Exception as error:  # such files are read, and reported, as a whole
            raise NotInRowsError from error
        if layout is None or not isinstance(page, tifffile.TiffPage):
            raise NotInRowsError
        self._file, self._page, self.layout = file, page, layout
        check_sides(self._path, layout.width, layout.height)
        self.info = info_of(layout)
        self._bands: OrderedDict[int, NDArray[Any]] = OrderedDict()
        if not self._is_in_rows():
            raise NotInRowsError

    def _is_in_rows(self) -> bool:
        """Return whether the rows of the image are one after another in this page alone."""
        layout, page = self.layout, self._page
        if not layout.plain or layout.orientation != 1 or page.imagedepth != 1:
            return False
        # opacity of floating point has a range that only the whole image tells
        if layout.alpha and layout.dtype.kind == "f":
            return False
        separate, _, height, width, samples = page.shaped
        sizes = (layout.height, layout.width, layout.channels)
        if (height, width, separate * samples) != sizes or layout.channels_last != (samples > 1):
            return False
        if page.dtype is None or np.dtype(page.dtype) != layout.dtype:
            return False
        if page.is_contiguous:
            return True
        high = page.tilelength if page.is_tiled else page.rowsperstrip
        band = separate * min(high, height) * width * samples * layout.dtype.itemsize
        if band > _LARGEST_BAND:
            return False
        try:
            self._band(0)
        except Exception:  # a compression that another package reads
            return False
        return True

    def __enter__(self) -> TiffRows:
        """Return the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()
        self._data.close()

    def read(self, top: int, bottom: int) -> Pixels:
        """Decode some rows.

        Raises:
            ImageError: The file is damaged.
        """
        try:
            with reads_noticed():
                values = self._contiguous(top, bottom) if self._page.is_contiguous else None
                if values is None:
                    values = self._segments(top, bottom)
        except FailedReadError as error:
            raise ImageError(str(error)) from None
        except Exception as error:  # decoders fail in more ways than they document
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ImageError(f"{self._path} can't be read: {reason}") from None
        return as_pixels(values, self._path, self.layout, self._rules, part=True)

    def _contiguous(self, top: int, bottom: int) -> NDArray[Any]:
        """Read rows (C, h, W) of values that are stored one after another."""
        separate, _, height, width, samples = self._page.shaped
        dtype = self.layout.dtype.newbyteorder(self._file.byteorder)
        row = width * samples * dtype.itemsize
        values = np.empty((separate, bottom - top, width, samples), self.layout.dtype)
        for plane in range(separate):
            self._data.seek(self._page.dataoffsets[0] + (plane * height + top) * row)
            encoded = self._data.read((bottom - top) * row)
            if len(encoded) < (bottom - top) * row:
                raise ValueError("the file ends within the pixels")
            values[plane] = np.frombuffer(encoded, dtype).reshape(bottom - top, width, samples)
        return _channels_first(values)

    def _segments(self, top: int, bottom: int) -> NDArray[Any]:
        """Decode rows (C, h, W) from the strips or tiles that hold them."""
        page = self._page
        high = page.tilelength if page.is_tiled else page.rowsperstrip
        parts = []
        for band in range(top // high, -(-bottom // high)):
            values = self._band(band)
            first = band * high
            parts.append(values[:, max(0, top - first) : bottom - first])
        return _channels_first(np.concatenate(parts, 1))

    def _band(self, band: int) -> NDArray[Any]:
        """Decode the strips or tiles (separate, h, W, samples) next to one another."""
        if band in self._bands:
            self._bands.move_to_end(band)
            return self._bands[band]
        page = self._page
        separate, _, height, width, samples = page.shaped
        high = page.tilelength if page.is_tiled else page.rowsperstrip
        down = -(-height // high)
        across = -(-width // page.tilewidth) if page.is_tiled else 1
        rows = min(high, height - band * high)
        values = np.full((separate, rows, width, samples), page.nodata, self.layout.dtype)
        options: dict[str, Any] = {"_fullsize": page.is_tiled}
        if page.jpegtables is not None:
            options |= {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
        for plane in range(separate):
            for column in range(across):
                number = (plane * down + band) * across + column
                self._data.seek(page.dataoffsets[number])
                encoded = self._data.read(page.databytecounts[number])
                segment, position, _ = page.decode(encoded or None, number, **options)
                if segment is not None:
                    left = position[3]
                    part = segment[0, :rows, : width - left]
                    values[plane, :, left : left + part.shape[1]] = part
        self._bands[band] = values
        if len(self._bands) > _BANDS:
            self._bands.popitem(last=False)
        return values


class NotInRowsError(ValueError):
    """An image that can only be read as a whole."""


def _channels_first(values: NDArray[Any]) -> NDArray[Any]:
    """Return values (separate, h, W, samples), one of whose channel axes is 1, as (C, h, W)."""
    channels = values.shape[0] * values.shape[3]
    return values.transpose(0, 3, 1, 2).reshape(channels, *values.shape[1:3])
