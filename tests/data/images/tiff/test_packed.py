import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crossimage.data.images.files import probe, read_image, verify
from crossimage.data.images.pixels import ImageError

pytest.importorskip("imagecodecs", reason="packed values need the extra formats")


def packed(path: Path, bits: int, channels: int = 1) -> np.ndarray:
    """Write values of a number of bits, and return them (C, H, W)."""
    dtype = np.uint8 if bits <= 8 else np.uint16
    values = np.random.default_rng(bits).integers(0, 2**bits, (13, 21, channels)).astype(dtype)
    values[0, 0], values[0, 1] = 0, 2**bits - 1
    tifffile.imwrite(
        path, values[:, :, 0] if channels == 1 else values, bitspersample=bits,
        photometric="minisblack" if channels == 1 else "rgb",
    )  # fmt: skip
    return values.transpose(2, 0, 1).astype(np.float64)


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 10, 12, 14, 15])
@pytest.mark.parametrize("channels", [1, 3])
def test_values_of_any_number_of_bits_use_the_full_range(tmp_path, bits, channels):
    values = packed(tmp_path / "x.tif", bits, channels)
    expected = values / (2**bits - 1) * 2 - 1
    step = 2 / 255 if bits < 8 else 2 / 65535
    assert np.abs(read_image(tmp_path / "x.tif", channels).numpy() - expected).max() <= 0.51 * step


@pytest.mark.parametrize("bits", [10, 12])
def test_a_range_is_in_the_values_of_the_file(tmp_path, bits):
    values = packed(tmp_path / "x.tif", bits)
    x = read_image(tmp_path / "x.tif", 1, value_range=(100, 900)).numpy()
    assert np.abs(x - ((values - 100) / 400 - 1).clip(-1, 1)).max() < 1e-4
    info = verify(tmp_path / "x.tif")
    assert (info.limits, info.full) == ((0, 2**bits - 1), 2**bits - 1)


def test_earlier_runs_read_packed_values_as_they_did(tmp_path):
    values = packed(tmp_path / "x.tif", 12)
    x = read_image(tmp_path / "x.tif", 1, rules=2).numpy()
    assert np.abs(x - (values / 32767.5 - 1)).max() < 1e-6


@pytest.mark.parametrize("compression", ["deflate", "lzw", "packbits", "zstd"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_compressed_planes_of_sixteen_bits_are_read(tmp_path, compression, tile):
    values = np.random.default_rng(0).integers(0, 65536, (3, 40, 24)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "x.tif", values, photometric="rgb", planarconfig="separate",
        compression=compression, tile=tile,
    )  # fmt: skip
    assert np.abs(read_image(tmp_path / "x.tif").numpy() - (values / 32767.5 - 1)).max() < 1e-6


def test_strips_that_are_not_in_the_file_are_missed(tmp_path):
    values = np.zeros((3, 24, 28), np.uint16)
    tifffile.imwrite(
        tmp_path / "x.tif", values, photometric="rgb", planarconfig="separate", compression="zlib"
    )
    data = bytearray((tmp_path / "x.tif").read_bytes())
    at = data.index(struct.pack("<HHI", 277, 3, 1))  # samples per pixel
    struct.pack_into("<H", data, at + 8, 5)
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(ImageError, match="it states 3 of 5 strips or tiles"):
        verify(tmp_path / "x.tif")
    whole = tmp_path / "y.tif"
    tifffile.imwrite(whole, np.zeros((200, 100), np.uint8), rowsperstrip=10, metadata=None)
    whole.write_bytes(whole.read_bytes()[:-1000])
    assert probe(whole).height == 200
    with pytest.raises(ImageError, match="the file ends before its last strip"):
        read_image(whole)
