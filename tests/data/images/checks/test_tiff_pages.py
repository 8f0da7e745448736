import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crossimage.data.images.checks import tiff_pages
from crossimage.data.images.files import probe, read_image, verify
from crossimage.data.images.metadata import read_metadata
from crossimage.data.images.pixels import ImageError


def pages(path: Path, sizes: list[int], **options: object) -> list[int]:
    """Write square pages of these sizes, and return where each page says where the next one is."""
    with tifffile.TiffWriter(path, **options) as file:
        for size in sizes:
            file.write(np.full((size, size), 100, np.uint8), contiguous=False, metadata=None)
    with tifffile.TiffFile(path) as file:
        tiff = file.tiff
        return [p.offset + tiff.tagnosize + len(p.tags) * tiff.tagsize for p in file.pages]


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
@pytest.mark.parametrize(("last", "first"), [(0, 0), (2, 0), (2, 1), (2, 2)])
def test_pages_in_a_circle_are_refused_at_once(tmp_path, options, last, first):
    path = tmp_path / "x.tif"
    links = pages(path, [8, 9, 10], **options)
    with tifffile.TiffFile(path) as file:
        offsets, order, offset = [p.offset for p in file.pages], file.byteorder, file.tiff
    form = order + ("Q" if offset.offsetsize == 8 else "I")
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, links[last], offsets[first])
    path.write_bytes(data)
    for read in (probe, verify, read_image):
        with pytest.raises(ImageError, match=r"x\.tif .* pages are linked in a circle"):
            read(path)
    assert "linked in a circle" in read_metadata(path).lost[0]


def test_the_largest_of_pages_that_differ_is_read_and_the_others_are_counted(tmp_path):
    pages(tmp_path / "x.tif", [8, 40, 12])
    info = probe(tmp_path / "x.tif")
    assert (info.width, info.further) == (40, 2)
    assert read_image(tmp_path / "x.tif", 1).shape == (1, 40, 40)


def test_the_number_of_pages_is_bounded(tmp_path, monkeypatch):
    pages(tmp_path / "x.tif", [8] * 6)
    monkeypatch.setattr(tiff_pages, "MOST", 6)
    assert probe(tmp_path / "x.tif").further == 5
    monkeypatch.setattr(tiff_pages, "MOST", 5)
    with pytest.raises(ImageError, match="more than 5 pages; write the one to use"):
        probe(tmp_path / "x.tif")
