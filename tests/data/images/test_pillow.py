import struct

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.data.images.files import decode, probe, read_image
from crossimage.data.images.pixels import ImageError
from tests.data.images.helpers import RNG, picture, png16, png_of_bits


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_keeps_sixteen_bits(tmp_path, channels):
    array = RNG.integers(0, 65536, (6, 8, channels), np.uint16)
    png16(tmp_path / "x.png", array)
    expected = torch.from_numpy(array.astype(np.float32) / 32767.5 - 1).permute(2, 0, 1)
    torch.testing.assert_close(read_image(tmp_path / "x.png", channels), expected)
    info = probe(tmp_path / "x.png")
    assert (info.channels, info.depth) == (channels, "16-bit")


def test_palette_with_transparency(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "clear.png", transparency=b"\xff\x00")
    assert decode(tmp_path / "plain.png").permute(1, 2, 0)[0].tolist() == [
        [10, 20, 30],
        [200, 100, 50],
    ]
    assert decode(tmp_path / "clear.png").permute(1, 2, 0)[0].tolist() == [
        [10, 20, 30],
        [255, 255, 255],
    ]
    assert decode(tmp_path / "clear.png", 4)[3].tolist() == [[255, 0]]


def test_gray_with_opacity(tmp_path):
    image = Image.new("LA", (2, 1))
    image.putdata([(50, 255), (50, 0)])
    image.save(tmp_path / "x.png")
    assert decode(tmp_path / "x.png", 1).flatten().tolist() == [50, 255]
    assert decode(tmp_path / "x.png", 3)[:, 0].tolist() == [[50, 255]] * 3


def test_cmyk_and_bilevel(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    red = read_image(tmp_path / "red.jpg").mean((1, 2))
    assert red[0] > 0.8
    assert red[1] < -0.8
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "bits.png")
    torch.testing.assert_close(read_image(tmp_path / "bits.png", 1)[0], torch.eye(4) * 2 - 1)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpegs_are_read_as_pillow_reads_them(tmp_path, mode, subsampling, progressive):
    path = tmp_path / "x.jpg"
    options = {} if mode == "L" else {"subsampling": subsampling}
    Image.fromarray(picture(37, 51, 3)).convert(mode).save(path, progressive=progressive, **options)
    with Image.open(path) as image:
        expected = np.atleast_3d(np.array(image.convert("RGB") if mode == "CMYK" else image))
    x = decode(path, expected.shape[2])
    assert torch.equal(x, torch.from_numpy(expected).permute(2, 0, 1))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("enough", "expected"),
    [
        ((20, 26), (20, 26)),
        ((20, 27), (40, 52)),  # half the width would be too small
        ((9, 7), (10, 13)),
        ((1, 1), (5, 7)),
        ((40, 52), (40, 52)),
        ((80, 104), (40, 52)),
    ],
)
def test_jpegs_are_reduced_to_no_less_than_is_enough(tmp_path, orientation, enough, expected):
    path, exif = tmp_path / "x.jpg", Image.Exif()
    exif[274] = orientation
    ramp = np.linspace(0, 255, 40 * 52).reshape(40, 52).astype(np.uint8)
    stored = ramp if orientation == 1 else np.rot90(ramp)
    Image.fromarray(stored).save(path, exif=exif, quality=95)
    asked = []
    x = decode(path, 1, target_size=lambda *size: asked.append(size) or enough)
    assert asked == [(40, 52)] and x.shape == (1, *expected)
    steps = [before / after for before, after in zip((40, 52), expected, strict=True)]
    rows, columns = (
        torch.arange(count) * step + (step - 1) / 2
        for count, step in zip(expected, steps, strict=True)
    )
    wanted = (rows[:, None] * 52 + columns) * 255 / (40 * 52 - 1)
    assert (x[0] - wanted).abs().max() < 8


def test_other_files_are_not_reduced(tmp_path):
    Image.fromarray(picture(40, 52, 3)).save(tmp_path / "x.png")
    assert torch.equal(
        decode(tmp_path / "x.png", target_size=lambda *_: (5, 5)), decode(tmp_path / "x.png")
    )


def test_a_truncated_sixteen_bit_png_is_an_image_error(tmp_path):
    png16(tmp_path / "x.png", RNG.integers(0, 65536, (30, 30, 3), np.uint16))
    (tmp_path / "x.png").write_bytes((tmp_path / "x.png").read_bytes()[:-1500])
    with pytest.raises(ImageError, match="damaged or truncated"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_gray_is_transparent_at_every_depth(tmp_path, bits):
    values = np.arange(16).reshape(2, 8) % 2**bits
    values = values.astype(np.uint16 if bits == 16 else np.uint8)
    transparent = (b"tRNS", struct.pack(">H", 1))
    (tmp_path / "x.png").write_bytes(png_of_bits(values, bits, transparent))
    wanted = np.where(values == 1, 1.0, values * (2 / (2**bits - 1)) - 1)
    np.testing.assert_allclose(read_image(tmp_path / "x.png", 1)[0], wanted, atol=1e-6)
    assert probe(tmp_path / "x.png").channels == 2
    assert read_image(tmp_path / "x.png", 4)[3].unique().tolist() == [-1, 1]


@pytest.mark.parametrize("highest", [300, 1023, 4095, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_values_of_a_pnm_are_those_that_it_states(tmp_path, highest, plain):
    values = np.array([[0, 1, highest // 2, highest]])
    head = f"{'P2' if plain else 'P5'}\n4 1\n{highest}\n".encode()
    text = " ".join(map(str, values[0])).encode() + b"\n"
    (tmp_path / "x.pgm").write_bytes(head + (text if plain else values.astype(">u2").tobytes()))
    wanted = values * (2 / highest) - 1
    for value_range in (None, (0, highest)):
        x = read_image(tmp_path / "x.pgm", 1, value_range)
        np.testing.assert_allclose(x[0], wanted, atol=1e-4)
    assert probe(tmp_path / "x.pgm").full == highest


def test_a_gamma_in_place_of_a_profile_is_told(tmp_path):
    values = np.zeros((2, 2), np.uint8)
    for gamma, told in ((100_000, True), (45_455, False)):
        stated = (b"gAMA", struct.pack(">I", gamma))
        (tmp_path / "x.png").write_bytes(png_of_bits(values, 8, stated))
        assert (probe(tmp_path / "x.png").ignored_profile is not None) == told


def test_a_pfm_with_colours_is_named(tmp_path):
    (tmp_path / "x.pfm").write_bytes(b"PF\n1 1\n-1.0\n" + bytes(12))
    with pytest.raises(ImageError, match=r"x\.pfm can't be read: PFM images with colours"):
        read_image(tmp_path / "x.pfm")


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_frames_of_animations_are_further_images(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), (40 * number, 0, 0)) for number in range(5)]
    frames[0].save(tmp_path / f"still.{suffix}")
    frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:])
    assert probe(tmp_path / f"still.{suffix}").further == 0
    assert probe(tmp_path / f"x.{suffix}").further == 4
