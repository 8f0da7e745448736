import struct

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.data.images.files import probe, read_image, write_image
from crossimage.data.images.pixels import BombError, ImageError
from tests.data.images.helpers import RNG, as_tensor, picture


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_float_tiff_keeps_its_range(tmp_path, channels):
    x = torch.rand(channels, 6, 9) * 2 - 1
    write_image(tmp_path / "x.tif", x, value_range=(-3, 500))
    raw = tifffile.imread(tmp_path / "x.tif")
    assert raw.dtype == np.float32
    assert raw.min() < 100 < 400 < raw.max()
    torch.testing.assert_close(read_image(tmp_path / "x.tif", channels, (-3, 500)), x)


def test_float_tiff_without_a_range_says_what_to_set(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.ones((4, 5), np.float32))
    with pytest.raises(ValueError, match=r"x\.tif.*value_range=low,high") as caught:
        read_image(tmp_path / "x.tif", 1)
    assert not isinstance(caught.value, ImageError)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("first", "how"),
    [
        (True, {}),
        (True, {"photometric": "minisblack", "planarconfig": "separate"}),
        (False, {}),
        (False, {"photometric": "minisblack", "planarconfig": "contig"}),
        (False, {"photometric": "minisblack", "planarconfig": "contig", "compression": "zlib"}),
    ],
)
def test_five_channel_tiff_in_every_arrangement(tmp_path, dtype, first, how):
    array = (RNG.random((11, 13, 5)) * 200).astype(dtype)
    saved = np.ascontiguousarray(array.transpose(2, 0, 1)) if first else array
    tifffile.imwrite(tmp_path / "x.tif", saved, **how)
    top = {np.uint8: 255, np.uint16: 65535, np.float32: 200}[dtype]
    expected = torch.from_numpy(array.astype(np.float32) / top * 2 - 1).permute(2, 0, 1)
    found = read_image(tmp_path / "x.tif", 5, (0, 200) if dtype == np.float32 else None)
    torch.testing.assert_close(found, expected)
    assert probe(tmp_path / "x.tif").channels == 5
    assert (probe(tmp_path / "x.tif").width, probe(tmp_path / "x.tif").height) == (13, 11)


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_tiff_keeps_sixteen_bits(tmp_path, channels):
    array = RNG.integers(0, 65536, (6, 8, channels), np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", array.squeeze())
    expected = torch.from_numpy(array.astype(np.float32) / 32767.5 - 1).permute(2, 0, 1)
    torch.testing.assert_close(read_image(tmp_path / "x.tif", channels), expected)


def test_compressed_tiff_without_the_codec_package(tmp_path):
    array = picture(9, 7, 3)
    Image.fromarray(array).save(tmp_path / "x.tif", compression="tiff_lzw")
    torch.testing.assert_close(read_image(tmp_path / "x.tif"), as_tensor(array))


def test_palette_tiff_and_bilevel_tiff(tmp_path):
    colours = Image.fromarray(picture(4, 4, 3)).quantize(4)
    colours.save(tmp_path / "p.tif")
    expected = as_tensor(np.array(colours.convert("RGB")))
    torch.testing.assert_close(read_image(tmp_path / "p.tif"), expected)
    Image.fromarray(np.eye(9, dtype=bool)).save(tmp_path / "b.tif")
    torch.testing.assert_close(read_image(tmp_path / "b.tif", 1)[0], torch.eye(9) * 2 - 1)


def test_white_is_zero_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.array([[0, 255]], np.uint8), photometric="miniswhite")
    assert read_image(tmp_path / "x.tif", 1).flatten().tolist() == [1, -1]


def test_a_tiff_bomb_is_refused_from_its_header(tmp_path):
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(np.zeros((2, 2), np.uint8), photometric="minisblack", metadata=None)
    data = bytearray((tmp_path / "x.tif").read_bytes())
    for tag in (256, 257):  # width and height
        at = data.index(struct.pack("<HH", tag, 4))
        data[at + 8 : at + 12] = struct.pack("<I", 50_000)
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(BombError, match="50000 x 50000"):
        read_image(tmp_path / "x.tif", 1)
