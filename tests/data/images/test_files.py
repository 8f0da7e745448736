import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

from crossimage.data.images.files import (
    EXTENSIONS,
    BombError,
    ImageError,
    decode,
    from_pil,
    probe,
    read_image,
    to_pil,
    verify,
    write_image,
)

RNG = np.random.default_rng(0)


def png16(path, array):
    """A 16-bit PNG, which Pillow can't write for colours."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[array.shape[2]]
    height, width = array.shape[:2]

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def picture(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def as_tensor(array):
    """What an 8-bit array (H, W, C) should be read as."""
    return torch.from_numpy(array.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)


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


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_image(tmp_path / "x.png", torch.zeros(3, 4, 4))
    before = (tmp_path / "x.png").read_bytes()

    def full(self, file, *_, **__):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        write_image(tmp_path / "x.png", torch.ones(3, 4, 4))
    assert (tmp_path / "x.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


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


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_in_a_float_image_is_an_image_error(tmp_path, bad):
    array = np.zeros((4, 5), np.float32)
    array[1, 2] = bad
    tifffile.imwrite(tmp_path / "x.tif", array)
    with pytest.raises(ImageError, match="NaN"):
        read_image(tmp_path / "x.tif", 1, (0, 1))


def test_float_values_beyond_the_range_are_clipped(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.array([[-5, 0, 1, 7]], np.float32))
    assert read_image(tmp_path / "x.tif", 1, (0, 1)).flatten().tolist() == [-1, -1, 1, 1]


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


def test_channel_mismatch_names_file_found_and_expected(tmp_path):
    tifffile.imwrite(tmp_path / "five.tif", np.zeros((5, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"five\.tif has 5 channels, expected 3"):
        read_image(tmp_path / "five.tif", 3)
    Image.new("RGB", (4, 4)).save(tmp_path / "rgb.png")
    with pytest.raises(ValueError, match=r"rgb\.png has 3 channels, expected 5"):
        read_image(tmp_path / "rgb.png", 5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_keeps_sixteen_bits(tmp_path, channels):
    array = RNG.integers(0, 65536, (6, 8, channels), np.uint16)
    png16(tmp_path / "x.png", array)
    expected = torch.from_numpy(array.astype(np.float32) / 32767.5 - 1).permute(2, 0, 1)
    torch.testing.assert_close(read_image(tmp_path / "x.png", channels), expected)
    info = probe(tmp_path / "x.png")
    assert (info.channels, info.depth) == (channels, "16-bit")


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


def test_transparency_is_composited_on_white(tmp_path):
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    image.save(tmp_path / "rgba.png")
    expected = [[255, 0, 0], [255, 255, 255], [127, 127, 127]]
    assert decode(tmp_path / "rgba.png").permute(1, 2, 0)[0].tolist() == expected
    assert decode(tmp_path / "rgba.png", 1).flatten().tolist() == [76, 255, 127]


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


def test_gray_becomes_rgb_and_rgb_becomes_luminance(tmp_path):
    array = picture(5, 6, 3)
    Image.fromarray(array).save(tmp_path / "rgb.png")
    found = decode(tmp_path / "rgb.png", 1)[0].numpy().astype(int)
    assert np.abs(found - np.array(Image.fromarray(array).convert("L"))).max() <= 1
    Image.fromarray(array[..., 0]).save(tmp_path / "gray.png")
    assert (decode(tmp_path / "gray.png", 3).numpy() == array[None, ..., 0]).all()
    opaque = decode(tmp_path / "gray.png", 4)
    assert opaque.shape[0] == 4
    assert (opaque[3] == 255).all()


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


def test_a_truncated_sixteen_bit_png_is_an_image_error(tmp_path):
    png16(tmp_path / "x.png", RNG.integers(0, 65536, (30, 30, 3), np.uint16))
    (tmp_path / "x.png").write_bytes((tmp_path / "x.png").read_bytes()[:-1500])
    with pytest.raises(ImageError, match="damaged or truncated"):
        read_image(tmp_path / "x.png")


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


def test_a_large_picture_below_the_limit_gives_no_warning(tmp_path):
    Image.new("1", (10_000, 9_500)).save(tmp_path / "x.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert probe(tmp_path / "x.png").width == 10_000


def test_probe_tells_mode_and_depth(tmp_path):
    Image.new("P", (7, 5)).save(tmp_path / "p.png")
    assert (probe(tmp_path / "p.png").mode, probe(tmp_path / "p.png").depth) == ("P", "8-bit")
    tifffile.imwrite(tmp_path / "f.tif", np.zeros((6, 9, 8), np.float32))
    info = probe(tmp_path / "f.tif")
    assert (info.mode, info.depth) == ("6 channels", "float32")


def test_pillow_images_there_and_back():
    array = picture(6, 4, 3)
    image = Image.fromarray(array)
    assert np.array_equal(np.array(to_pil(from_pil(image, 3))), array)
    assert to_pil(from_pil(image, 1)).mode == "L"
    assert to_pil(from_pil(image, 4)).mode == "RGBA"


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pictures_of_any_range_need_to_say_which(mode):
    image = Image.fromarray(np.array([[-10, 0, 10, 30]], np.float32 if mode == "F" else np.int32))
    assert image.mode == mode
    assert from_pil(image, 1, (-10, 10)).tolist() == [[[-1.0, 0.0, 1.0, 1.0]]]
    with pytest.raises(ValueError, match="value_range=low,high"):
        from_pil(image, 1)


def test_pictures_with_nan_are_refused():
    with pytest.raises(ValueError, match="the image can't be used"):
        from_pil(Image.fromarray(np.full((2, 2), np.nan, np.float32)), 1, (0, 1))
    with pytest.raises(ValueError, match="is not an image"):
        to_pil(torch.zeros(2, 4, 4))
