"""Rows of TIFFs are those of the whole image, and other files are read as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from crossimage.data.images.files import from_pixels, load_image
from crossimage.data.images.pixels import ImageError, normalise
from crossimage.data.images.tiff.rows import NotInRowsError, TiffRows

VALUES = np.random.default_rng(0).integers(0, 255, (50, 40, 3), np.uint8)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 8},
        {"rowsperstrip": 8, "compression": "zlib", "predictor": True},
        {"tile": (16, 32)},
        {"tile": (16, 16), "compression": "zlib"},
        {"planarconfig": "separate", "rowsperstrip": 5},
        {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib"},
        {"bigtiff": True, "byteorder": ">"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_rows_are_those_of_the_whole_image(
    options: dict[str, Any], dtype: str, tmp_path: Path
) -> None:
    if dtype == "float32" and "predictor" in options:
        options = options | {"predictor": False}
    values = VALUES.astype(dtype)
    if "planarconfig" in options:
        values = values.transpose(2, 0, 1)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, values, photometric="rgb", **options)
    whole = load_image(path, 3, (0, 255)).values
    with TiffRows(path, 3) as rows:
        assert (rows.info.height, rows.info.width) == (50, 40)
        for top, bottom in ((0, 50), (0, 1), (7, 33), (49, 50), (3, 20)):
            pixels = rows.read(top, bottom)
            part = from_pixels(pixels, rows.info, 3, (0, 255), "x", 3, "white").values
            assert np.array_equal(normalise(part), whole[:, top:bottom])


def test_files_that_are_not_in_rows_are_said_to_be_so(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[274] = 6
    Image.fromarray(VALUES).save(tmp_path / "turned.tif", exif=turned)
    Image.fromarray(VALUES).convert("P").save(tmp_path / "palette.tif")
    Image.fromarray(VALUES).save(tmp_path / "x.png")
    (tmp_path / "broken.tif").write_bytes(b"II*\0" + b"\0" * 20)
    for path in tmp_path.iterdir():
        with pytest.raises(NotInRowsError):
            TiffRows(path, 3)


def test_damaged_rows_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, VALUES, photometric="rgb", rowsperstrip=10, compression="zlib")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[3]  # type: ignore[union-attr]
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    with TiffRows(path, 3) as rows:
        rows.read(0, 30)
        with pytest.raises(ImageError, match=r"x\.tif can't be read"):
            rows.read(0, 35)
