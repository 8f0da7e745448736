import struct

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.data.images.files import decode, load_image, probe, read_image, verify
from crossimage.data.images.pixels import BombError, ImageError
from crossimage.data.images.tiff.layout import NODATA
from tests.data.images.helpers import RNG, as_tensor, picture, write_image


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_float_tiff_keeps_its_range(tmp_path, channels):
    x = torch.rand(channels, 6, 9) * 2 - 1
    write_image(tmp_path / "x.tif", x, (-3, 500))
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


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("colours", [1, 3])
def test_premultiplied_colours_are_those_of_straight_opacity(
    tmp_path, colours, dtype, planar, compression
):
    rng = np.random.default_rng(1)
    top = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    opacity = rng.integers(0, 5, (12, 10, 1)) / 4
    straight = np.concatenate([rng.random((12, 10, colours)), opacity], -1)
    multiplied = np.concatenate([straight[..., :-1] * opacity, opacity], -1)
    for name, values, kind in (("s", straight, "unassalpha"), ("p", multiplied, "assocalpha")):
        stored = (values * top).round().astype(dtype) if top > 1 else values.astype(dtype)
        if planar == "separate":
            stored = np.ascontiguousarray(stored.transpose(2, 0, 1))
        tifffile.imwrite(
            tmp_path / f"{name}.tif", stored, extrasamples=[kind], planarconfig=planar,
            photometric="rgb" if colours == 3 else "minisblack", compression=compression,
        )  # fmt: skip
    value_range = (0, 1) if dtype == np.float32 else None
    seen = torch.from_numpy(opacity[..., 0] > 0)
    a, b = (read_image(tmp_path / f"{name}.tif", 4, value_range) for name in "sp")
    assert (a - b).abs()[:, seen].max() < (0.04 if dtype == np.uint8 else 2e-4)
    a, b = (read_image(tmp_path / f"{name}.tif", 3, value_range) for name in "sp")
    assert (a - b).abs().max() < (0.02 if dtype == np.uint8 else 2e-4)


def gray(count, *shape):
    return np.arange(1, count + 1, dtype=np.uint8).reshape(count, 1, 1) * np.ones(shape, np.uint8)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "how",
    [
        {"metadata": {"axes": "TYX"}},
        {"metadata": {"axes": "ZYX"}},
        {"metadata": {"axes": "ZYX"}, "imagej": True},
        {"metadata": {"axes": "TYX"}, "ome": True},
        {"metadata": None},
    ],
)
def test_a_stack_is_its_first_image_and_the_others_are_counted(tmp_path, count, how):
    tifffile.imwrite(tmp_path / "x.tif", gray(count, 8, 9), photometric="minisblack", **how)
    info = probe(tmp_path / "x.tif")
    assert (info.channels, info.further) == (1, count - 1)
    assert decode(tmp_path / "x.tif", 1).unique().tolist() == [1]
    assert decode(tmp_path / "x.tif", 3).unique().tolist() == [1]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_pages_that_may_be_channels_or_images_are_not_guessed(tmp_path, count):
    tifffile.imwrite(tmp_path / "x.tif", gray(count, 8, 9), photometric="minisblack")
    with pytest.raises(ImageError, match=f"holds {count} gray pages and does not say"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize("how", [{"ome": True}, {"imagej": True}])
def test_named_channels_of_a_hyperstack_are_channels(tmp_path, how):
    stack = np.arange(2 * 3 * 8 * 9, dtype=np.uint8).reshape(2, 3, 8, 9)
    tifffile.imwrite(
        tmp_path / "x.tif", stack, photometric="minisblack", metadata={"axes": "TCYX"}, **how
    )
    info = probe(tmp_path / "x.tif")
    assert (info.channels, info.further) == (3, 1)
    assert (decode(tmp_path / "x.tif", 3).numpy() == stack[0]).all()


def test_the_largest_page_is_read_or_else_the_first(tmp_path):
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(np.full((4, 4, 3), 1, np.uint8), photometric="rgb")
        file.write(np.full((16, 16, 3), 2, np.uint8), photometric="rgb")
        file.write(np.full((16, 16), 3, np.uint8), photometric="minisblack")
    assert decode(tmp_path / "x.tif").unique().tolist() == [2]
    assert probe(tmp_path / "x.tif").further == 2
    small, large = Image.new("P", (4, 4), 0), Image.new("P", (9, 9), 1)
    for image in (small, large):
        image.putpalette([10, 20, 30, 40, 50, 60])
    small.save(tmp_path / "p.tif", save_all=True, append_images=[large])
    assert decode(tmp_path / "p.tif").shape == (3, 9, 9)
    assert decode(tmp_path / "p.tif").unique().tolist() == [40, 50, 60]


def test_smaller_versions_and_masks_are_no_further_images(tmp_path):
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(np.full((16, 16), 1, np.uint8), photometric="minisblack")
        file.write(np.full((8, 8), 2, np.uint8), photometric="minisblack", subfiletype=1)
    info = probe(tmp_path / "x.tif")
    assert (info.width, info.further) == (16, 0)


def test_an_earlier_run_reads_stacks_and_opacity_as_it_did(tmp_path):
    tifffile.imwrite(
        tmp_path / "x.tif", gray(3, 8, 9), photometric="minisblack", metadata={"axes": "ZYX"}
    )
    assert decode(tmp_path / "x.tif", rules=1)[:, 0, 0].tolist() == [1, 2, 3]
    tifffile.imwrite(
        tmp_path / "a.tif", np.full((4, 4, 4), 100, np.uint8), photometric="rgb",
        extrasamples=["assocalpha"],
    )  # fmt: skip
    assert decode(tmp_path / "a.tif", 4, rules=1)[:, 0, 0].tolist() == [100] * 4
    assert decode(tmp_path / "a.tif", 4)[:, 0, 0].tolist() == [255, 255, 255, 100]


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        (np.float32, np.nan, None),
        (np.float32, np.inf, None),
        (np.float32, -9999, "-9999"),
        (np.float32, -3.4028234663852886e38, "-3.4028234663852886e+38"),
        (np.int16, -32768, "-32768"),
        (np.uint16, 0, "0"),
        (np.uint8, 255, "255"),
    ],
)
def test_pixels_without_a_value_become_black_and_are_counted(tmp_path, dtype, value, text):
    array = np.full((6, 7, 3), 50, dtype)
    array[1:3, 2] = value
    tags = [] if text is None else [(NODATA, "s", 0, text, True)]
    tifffile.imwrite(tmp_path / "x.tif", array, photometric="rgb", extratags=tags)
    x = read_image(tmp_path / "x.tif", 3, (0, 100))
    assert x.isfinite().all()
    assert x[:, 1:3, 2].unique().tolist() == [-1]
    assert x[:, 0].unique().numel() == 1 and x[0, 0, 0] > -1
    assert verify(tmp_path / "x.tif").gaps == 2


def test_an_image_without_any_value_is_unreadable(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.full((6, 7), np.nan, np.float32))
    with pytest.raises(ImageError, match="none of its pixels holds a value"):
        read_image(tmp_path / "x.tif", 1, (0, 1))


def test_gaps_of_an_image_are_written_as_gaps(tmp_path):
    x, gaps = torch.zeros(1, 4, 5), torch.zeros(4, 5, dtype=torch.bool)
    gaps[1, 2] = True
    write_image(tmp_path / "nan.tif", x, (0, 10), gaps)
    write_image(tmp_path / "stated.tif", x, (0, 10), gaps, -9999.0)
    assert np.isnan(tifffile.imread(tmp_path / "nan.tif")).sum() == 1
    assert tifffile.imread(tmp_path / "stated.tif")[1, 2] == -9999
    for name in ("nan.tif", "stated.tif"):
        assert torch.equal(load_image(tmp_path / name, 1, (0, 10)).gaps, gaps)


@pytest.mark.parametrize("dtype", ["u2", "i2", "f4"])
def test_white_is_the_lowest_value_of_a_range_where_the_file_says_so(tmp_path, dtype):
    values = np.array([[0, 250, 1000]]).astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="miniswhite")
    x = read_image(tmp_path / "x.tif", 1, (0, 1000))
    np.testing.assert_allclose(x[0], [[1, 0.5, -1]], atol=1e-4)
    assert verify(tmp_path / "x.tif").limits == (0, 1000)


def test_a_palette_of_8_bits_is_no_black_one(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    tifffile.imwrite(tmp_path / "x.tif", indices, photometric="palette", colormap=colours)
    x = read_image(tmp_path / "x.tif")
    np.testing.assert_allclose(x, colours[:, indices] / 127.5 - 1, atol=1e-6)


def test_a_kind_that_is_not_supported_is_named(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((4, 4), np.uint16), photometric="cfa")
    with pytest.raises(ImageError, match=r"x\.tif can't be read: TIFFs of this kind .* cfa"):
        read_image(tmp_path / "x.tif")
