"""JPEG 2000 of more than 8 bits."""

import numpy as np
import pytest
import torch

from crossimage.data.images.files import ImageError, probe, read_image
from tests.data.images.helpers import RNG

BITS = [9, 10, 12, 15, 16]


def write(path, bits, *shape):
    encode = pytest.importorskip("imagecodecs").jpeg2k_encode
    values = RNG.integers(0, 2**bits, shape).astype(np.uint16)
    values[0, 0], values[0, 1] = 2**bits - 1, 0
    path.write_bytes(encode(values, level=0, bitspersample=bits, reversible=True))
    levels = values.reshape(*shape[:2], -1) * (2 / (2**bits - 1)) - 1
    return torch.from_numpy(levels).permute(2, 0, 1).float()


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_the_brightest_value_is_white_and_no_depth_is_lost(tmp_path, bits, shape):
    wanted = write(tmp_path / "x.jp2", bits, *shape)
    for value_range in (None, (0, 2**bits - 1)):
        x = read_image(tmp_path / "x.jp2", len(wanted), value_range)
        kept = slice(0, 3)  # the range is that of colours
        torch.testing.assert_close(x[kept], wanted[kept], atol=1e-4, rtol=0)
    info = probe(tmp_path / "x.jp2")
    assert (info.depth, info.channels, info.full) == ("16-bit", len(wanted), 2**bits - 1)


def test_deep_colours_need_a_package(tmp_path, monkeypatch):
    write(tmp_path / "x.jp2", 12, 5, 7, 3)
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    with pytest.raises(ImageError, match=r"12 bits, .*`pip install 'crossimage\[formats\]'"):
        read_image(tmp_path / "x.jp2")
