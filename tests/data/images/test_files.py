import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

from crossimage.data.images.files import decode, probe, read_image, verify
from crossimage.data.images.formats import EXTENSIONS
from crossimage.data.images.pixels import BombError, ImageError
from tests.data.images.helpers import as_tensor, picture, png16, write_image


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_without_loss_is_read_again(tmp_path, suffix, channels):
    x = as_tensor(picture(5, 7, channels))
    write_image(tmp_path / f"x{suffix}", x)
    torch.testing.assert_close(read_image(tmp_path / f"x{suffix}", channels), x)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_with_loss_is_nearly_read_again(tmp_path, suffix, channels):
    x = torch.linspace(-1, 1, 32).expand(channels, 24, 32)
    write_image(tmp_path / f"x{suffix}", x)
    again = read_image(tmp_path / f"x{suffix}", channels)
    assert (again - x).abs().max() < 0.06


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_opacity_is_kept_for_four_channels(tmp_path, suffix):
    x = as_tensor(picture(5, 7, 4))
    write_image(tmp_path / f"x{suffix}", x)
    torch.testing.assert_close(read_image(tmp_path / f"x{suffix}", 4), x)


def test_written_values_are_rounded_and_clipped(tmp_path):
    levels = torch.tensor([99.4, 99.6, -20.0, 300.0]) / 127.5 - 1
    write_image(tmp_path / "x.png", levels.view(1, 1, 4))
    assert decode(tmp_path / "x.png", 1).flatten().tolist() == [99, 100, 0, 255]


@pytest.mark.parametrize(
    ("name", "channels", "able"),
    [("x.jpg", 4, ".png"), ("x.bmp", 4, ".png"), ("x.png", 5, ".tif"), ("x.webp", 2, ".tif")],
)
def test_a_format_that_cannot_hold_the_channels_is_refused(tmp_path, name, channels, able):
    with pytest.raises(ValueError, match=rf"can't hold {channels} channels; use .*{able}"):
        write_image(tmp_path / name, torch.zeros(channels, 4, 4))
    assert not list(tmp_path.iterdir())


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no known suffix"):
        write_image(tmp_path / "x.xyz", torch.zeros(3, 4, 4))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "plain.tif", "palette.tif"])
def test_orientation_is_honoured(tmp_path, orientation, kind):
    array = np.zeros((16, 32, 3), np.uint8)
    array[:8, :8] = 255
    image, path = Image.fromarray(array), tmp_path / f"x.{kind}"
    image.getexif()[274] = orientation
    expected = as_tensor(np.array(ImageOps.exif_transpose(image)))
    if kind == "plain.tif":
        tifffile.imwrite(path, array, extratags=[(274, "H", 1, orientation, True)])
    else:
        saved = image.quantize(2) if kind == "palette.tif" else image
        exif = Image.Exif()
        exif[274] = orientation
        saved.save(path, exif=exif)
    found = read_image(path)
    assert found.shape == expected.shape
    assert (found - expected).abs().mean() < 0.02
    assert (probe(path).height, probe(path).width) == tuple(expected.shape[1:])


def test_eight_bit_images_stay_eight_bit_until_normalised(tmp_path):
    write_image(tmp_path / "x.png", torch.zeros(3, 4, 4))
    assert decode(tmp_path / "x.png").dtype == torch.uint8
    assert read_image(tmp_path / "x.png").dtype == torch.float32


@pytest.mark.parametrize("suffix", EXTENSIONS)
def test_a_truncated_file_is_an_image_error(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    Image.fromarray(picture(40, 40, 3)).save(path)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(ImageError, match=f"x{suffix} can't be read: "):
        read_image(path)
    with pytest.raises(ImageError):
        verify(path)


@pytest.mark.parametrize("suffix", EXTENSIONS)
@pytest.mark.parametrize("content", [b"", b"these are words, not pixels" * 9])
def test_a_file_that_is_no_image_is_an_image_error(tmp_path, suffix, content):
    (tmp_path / f"x{suffix}").write_bytes(content)
    with pytest.raises(ImageError, match=f"x{suffix} can't be read"):
        read_image(tmp_path / f"x{suffix}")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_damaged_bytes_never_raise_anything_else(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    Image.fromarray(picture(12, 12, 3)).save(path)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        bad = data.copy()
        bad[rng.integers(0, min(len(bad), 300), 4)] = rng.integers(0, 256, 4)
        path.write_bytes(bad.tobytes())
        try:
            read_image(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "nothing.tif")


def test_a_decompression_bomb_is_refused_from_its_header(tmp_path):
    png16(tmp_path / "x.png", np.zeros((2, 2, 1), np.uint16))
    data = bytearray((tmp_path / "x.png").read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(BombError, match=r"x\.png has .*pixels"):
        read_image(tmp_path / "x.png")
    with pytest.raises(BombError):
        probe(tmp_path / "x.png")


def test_a_large_picture_below_the_limit_gives_no_warning(tmp_path):
    Image.new("1", (8_000, 7_900)).save(tmp_path / "x.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert probe(tmp_path / "x.png").width == 8_000


def test_probe_tells_mode_and_depth(tmp_path):
    Image.new("P", (7, 5)).save(tmp_path / "p.png")
    assert (probe(tmp_path / "p.png").mode, probe(tmp_path / "p.png").depth) == ("P", "8-bit")
    tifffile.imwrite(tmp_path / "f.tif", np.zeros((6, 9, 8), np.float32))
    info = probe(tmp_path / "f.tif")
    assert (info.mode, info.depth) == ("6 channels", "float32")
