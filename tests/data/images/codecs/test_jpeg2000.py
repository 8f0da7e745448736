"""JPEG 2000 of more than 8 bits, and with colour profiles."""

import struct

import numpy as np
import pytest
import tifffile
import torch

from crossimage.data.images.files import probe, read_image
from crossimage.data.images.pixels import ImageError
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


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("way", [2, 3])
def test_the_embedded_profile_is_followed(tmp_path, bits, way):
    codecs = pytest.importorskip("imagecodecs")
    wide = codecs.cms_profile("adobergb")
    values = RNG.integers(0, 2**bits, (6, 8, 3)).astype(np.uint8 if bits == 8 else np.uint16)
    data = codecs.jpeg2k_encode(values, level=0, bitspersample=bits, reversible=True)
    at = data.index(b"jp2h") - 4
    old = data[data.index(b"colr") - 4 :][:15]
    new = struct.pack(">I4sBBB", 11 + len(wide), b"colr", way, 0, 0) + wide
    size = int.from_bytes(data[at : at + 4], "big") + len(new) - len(old)
    changed = struct.pack(">I", size) + data[at + 4 :].replace(old, new, 1)
    (tmp_path / "x.jp2").write_bytes(data[:at] + changed)
    deep = (values.astype(np.float64) * 65535 / (2**bits - 1)).round().astype(np.uint16)
    stored = deep if bits > 8 else values
    tifffile.imwrite(tmp_path / "x.tif", stored, photometric="rgb", iccprofile=wide)
    expected = read_image(tmp_path / "x.tif")
    torch.testing.assert_close(read_image(tmp_path / "x.jp2"), expected, atol=1e-3, rtol=0)
    plain = torch.from_numpy(values * (2 / (2**bits - 1)) - 1).permute(2, 0, 1).float()
    assert (expected - plain).abs().max() > 0.05
