"""Results keep what their inputs had; the network of these tests returns its input."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from crossimage import Translator
from crossimage.config import build
from crossimage.data.images.codecs.deep_png import encode
from crossimage.data.images.files import probe, read_image
from crossimage.inference.files.translate import TranslatedFiles
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig
from tests.conftest import small
from tests.data.images.test_colour_profiles import WIDE

ORIENTATION, SCALE, TIE, TRANSFORMATION, KEYS = 274, 33550, 33922, 34264, 34735
TEXT, WHERE = 34737, "WGS 84|"


class Same(CycleGAN):
    """Returns its input."""

    def translate(
        self, x: torch.Tensor, to: object, style: torch.Tensor | None = None
    ) -> torch.Tensor:
        return x


def model(**settings: Any) -> Translator:
    values = small("cyclegan") | {"data_rules": 2, **settings}
    return Translator(Same(build(CycleGANConfig, values), training=False), "cpu")


def translate(path: Path, tmp_path: Path, **options: Any) -> tuple[Path, TranslatedFiles]:
    settings = options.pop("settings", {})
    report = model(**settings).translate_files(path, tmp_path / "out", **options)
    assert not report.skipped, report.skipped
    return report.written[0], report


def pixels(height: int = 12, width: int = 20, channels: int = 3, most: int = 255) -> np.ndarray:
    generator = np.random.default_rng(0)
    dtype = np.uint8 if most < 256 else np.uint16
    return generator.integers(0, most + 1, (height, width, channels)).astype(dtype)


def profile_of(path: Path) -> str:
    with Image.open(path) as image:
        data = image.info["icc_profile"]
    return str(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(data))))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".bmp", ".gif"])
def test_results_look_like_inputs_of_every_mode(tmp_path: Path, mode: str, suffix: str) -> None:
    smooth = np.linspace(0, 255, 12 * 20 * 3).reshape(12, 20, 3).astype(np.uint8)
    image = Image.fromarray(smooth)
    image = image.convert("P" if mode == "PA" else "RGBA").convert(mode)
    path = tmp_path / f"x{suffix}"
    try:
        image.save(path)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"Pillow does not write {mode} as {suffix}")
    result, _ = translate(path, tmp_path)
    difference = (read_image(result) - read_image(path)).abs().max() * 127.5
    assert difference <= (8 if suffix == ".jpg" else 0.51)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_results_are_tagged_as_srgb(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(pixels()).save(tmp_path / f"x{suffix}")
    result, _ = translate(tmp_path / f"x{suffix}", tmp_path)
    assert "sRGB" in profile_of(result)
    Image.fromarray(pixels()[:, :, 0]).save(tmp_path / f"x{suffix}")
    result, _ = translate(
        tmp_path / f"x{suffix}", tmp_path, settings={"channels": (1, 1)}, format="png"
    )
    assert "Gray" in profile_of(result)
    with Image.open(result) as image:
        assert (np.asarray(image) - read_image(result, 1).numpy()[0]).shape == (12, 20)
        assert probe(result).ignored_profile is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_camera_data_is_kept_but_for_the_orientation(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[271], exif[ORIENTATION], exif[282], exif[283], exif[296] = (
        "Camera",
        orientation,
        300,
        300,
        2,
    )
    exif[0x8769] = {0x9003: "2020:02:03 04:05:06", 0xA002: 99}
    exif[0x8825] = {1: "N", 2: (48.0, 1.0, 2.0)}
    smooth = np.linspace(0, 255, 12 * 20 * 3).reshape(12, 20, 3).astype(np.uint8)
    for suffix, written in (
        (".jpg", ".jpg"),
        (".png", ".png"),
        (".webp", ".webp"),
        (".jpg", ".tif"),
    ):
        path = tmp_path / f"x{suffix}"
        Image.fromarray(smooth).save(path, exif=exif)
        result, _ = translate(path, tmp_path, format=written[1:])
        with Image.open(result) as image:
            found = image.getexif()
            assert (found[271], found.get(ORIENTATION, 1)) == ("Camera", 1)
            assert found.get_ifd(0x8769)[0x9003] == "2020:02:03 04:05:06"
            assert found.get_ifd(0x8769)[0xA002] == image.width
            assert found.get_ifd(0x8825)[2] == (48.0, 1.0, 2.0)
            assert float(found[282]) == 300
        close = 8 if written == ".jpg" else 0.51
        assert (read_image(result) - read_image(path)).abs().max() * 127.5 <= close


@pytest.mark.parametrize("written", ["png", "jpg", "tif", "bmp"])
def test_the_density_is_kept(tmp_path: Path, written: str) -> None:
    for suffix in ("png", "jpg", "tif"):
        Image.fromarray(pixels()).save(tmp_path / f"x.{suffix}", dpi=(300, 150))
        result, _ = translate(tmp_path / f"x.{suffix}", tmp_path, format=written)
        with Image.open(result) as image:
            assert [round(float(d)) for d in image.info["dpi"]] == [300, 150]


def test_a_density_that_a_jpeg_has_no_room_for_is_left_out(tmp_path: Path) -> None:
    """Such as that of microscopes, 254,000 dots per inch."""
    Image.fromarray(pixels()).save(tmp_path / "x.png", dpi=(254_000, 254_000))
    for written in ("png", "jpg", "tif", "bmp"):
        result, _ = translate(tmp_path / "x.png", tmp_path, format=written)
        with Image.open(result) as image:
            found = [round(float(d)) for d in image.info.get("dpi", ())]
        assert found == ([] if written == "jpg" else [254_000, 254_000])


def test_numbers_of_the_camera_are_kept_at_any_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[18246], exif[18249] = "Camera", 70_000, 99
    Image.fromarray(pixels()).save(tmp_path / "x.jpg", exif=exif)
    result, _ = translate(tmp_path / "x.jpg", tmp_path, format="tif")
    with Image.open(result) as image:
        found = image.getexif()
    assert (found[271], found[18246], found[18249]) == ("Camera", 70_000, 99)


def test_texts_are_kept(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("Title", "A shoe")
    texts.add_text("Long", "word " * 400, zip=True)
    texts.add_itxt("Author", "Łukasz 画像")
    Image.fromarray(pixels()).save(tmp_path / "x.png", pnginfo=texts)
    result, _ = translate(tmp_path / "x.png", tmp_path)
    with Image.open(result) as image:
        assert image.text == {"Title": "A shoe", "Long": "word " * 400, "Author": "Łukasz 画像"}
    Image.fromarray(pixels()).save(tmp_path / "y.jpg", comment="naïve")
    result, _ = translate(tmp_path / "y.jpg", tmp_path)
    with Image.open(result) as image:
        assert image.info["comment"].decode() == "naïve"
    result, _ = translate(tmp_path / "y.jpg", tmp_path, format="png")
    with Image.open(result) as image:
        assert image.text == {"Comment": "naïve"}


def test_xmp_packets_are_kept_without_the_orientation(tmp_path: Path) -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6" dc:title="b"/></x:xmpmeta>'
    )
    Image.fromarray(pixels()).save(tmp_path / "x.jpg", xmp=packet)
    for written in ("jpg", "png", "webp", "tif"):
        result, _ = translate(tmp_path / "x.jpg", tmp_path, format=written)
        with Image.open(result) as image:
            found = image.info["xmp"]
        assert b"dc:title" in found and b"Orientation" not in found


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_stay_16_bits(tmp_path: Path, channels: int, suffix: str) -> None:
    values, path = pixels(channels=channels, most=65535), tmp_path / f"x{suffix}"
    if channels in (2, 4):
        values[:, :, -1] = 65535
    if suffix == ".tif":
        extra = ["unassalpha"] if channels in (2, 4) else None
        kind = "rgb" if channels > 2 else "minisblack"
        planar = "contig" if channels > 1 else None
        tifffile.imwrite(
            path, values.squeeze(), photometric=kind, planarconfig=planar, extrasamples=extra
        )
    else:
        path.write_bytes(encode(values, PngInfo()))
    colours = 1 if channels < 3 else 3
    settings = {"channels": (colours, colours)}
    for alpha in ("white", "keep"):
        result, report = translate(path, tmp_path, settings=settings, alpha=alpha)
        assert probe(result).depth == "16-bit" and not report.notes
        assert torch.allclose(read_image(result, colours), read_image(path, colours), atol=2e-5)
        assert probe(result).channels == (channels if alpha == "keep" else colours)
    result, _ = translate(path, tmp_path, settings=settings, depth="8")
    assert probe(result).depth == "8-bit"


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_floating_point_and_its_place_on_the_map_stay(tmp_path: Path, planar: str) -> None:
    values = np.linspace(-50, 900, 16 * 24 * 3, dtype=np.float32).reshape(16, 24, 3)
    stored = values if planar == "contig" else values.transpose(2, 0, 1)
    keys = (1, 1, 0, 2, 1024, 0, 1, 2, 1025, 0, 1, 1)
    tags = [
        (SCALE, "d", 3, (10.0, 20.0, 0.0), True),
        (TIE, "d", 6, (2.0, 4.0, 0, 500.0, 900.0, 0), True),
        (KEYS, "H", len(keys), keys, True), (TEXT, "s", 0, WHERE, True),
    ]  # fmt: skip
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, extratags=tags)
    settings = {"value_range": (-100.0, 1000.0)}
    result, report = translate(path, tmp_path, settings=settings)
    assert not report.notes
    with tifffile.TiffFile(result) as file:
        found = file.pages[0].tags
        assert found[SCALE].value == (10, 20, 0) and found[TIE].value == (2, 4, 0, 500, 900, 0)
        assert found[KEYS].value == keys and found[TEXT].value == WHERE
        assert file.asarray().dtype == np.float32
        assert np.abs(file.asarray() - values).max() < 1e-3
    result, _ = translate(path, tmp_path, settings=settings, size=8)
    with tifffile.TiffFile(result) as file:
        found = file.pages[0].tags
        assert file.asarray().shape == (8, 12, 3)
        assert found[SCALE].value == (20, 40, 0) and found[TIE].value == (1, 2, 0, 500, 900, 0)


def test_a_turned_map_has_a_place_no_more(tmp_path: Path) -> None:
    matrix = (2.0, 0, 0, 10, 0, -2.0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 1)
    for orientation in (1, 6):
        tags = [(TRANSFORMATION, "d", 16, matrix, True), (ORIENTATION, "H", 1, orientation, True)]
        tifffile.imwrite(tmp_path / "x.tif", pixels(), photometric="rgb", extratags=tags)
        result, report = translate(tmp_path / "x.tif", tmp_path)
        with tifffile.TiffFile(result) as file:
            assert (TRANSFORMATION in file.pages[0].tags) == (orientation == 1)
        assert len(report.notes) == (orientation != 1)


def test_12_bit_values_stay_in_their_range(tmp_path: Path) -> None:
    values = pixels(most=4095)
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb")
    settings = {"value_range": (0.0, 4095.0)}
    result, _ = translate(tmp_path / "x.tif", tmp_path, settings=settings)
    written = tifffile.imread(result)
    assert written.dtype == np.uint16 and np.array_equal(written, values)


def test_opacity_is_white_or_kept_or_dropped(tmp_path: Path) -> None:
    values = np.full((8, 8, 4), 60, np.uint8)
    values[:, 4:, 3] = 255
    Image.fromarray(values).save(tmp_path / "x.png")
    white, _ = translate(tmp_path / "x.png", tmp_path)
    on_white = np.asarray(Image.open(white))
    assert on_white.shape == (8, 8, 3) and on_white[0, 0, 0] == 209
    kept, _ = translate(tmp_path / "x.png", tmp_path, alpha="keep")
    assert np.array_equal(np.asarray(Image.open(kept))[:, :, 3], values[:, :, 3])
    assert np.array_equal(np.asarray(Image.open(kept))[:, :, :3], on_white)
    kept, _ = translate(tmp_path / "x.png", tmp_path, alpha="keep", size=4, format="webp")
    assert np.asarray(Image.open(kept)).shape == (4, 4, 4)
    dropped, _ = translate(tmp_path / "x.png", tmp_path, alpha="drop")
    assert np.array_equal(np.asarray(Image.open(dropped)), values[:, :, :3])


def test_what_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "x.png")
    for options, words in (
        ({"format": "jpg", "alpha": "keep"}, "jpg can't hold opacity; use png or webp"),
        ({"format": "jpg", "depth": "16"}, "jpg can't hold depth 16; use png or tif"),
        ({"format": "png", "depth": "float"}, "png can't hold depth float; use tif"),
        ({"alpha": "black"}, "alpha must be white, keep or drop, found 'black'"),
        ({"depth": 16}, "depth must be auto, 8, 16 or float, found 16"),
    ):
        with pytest.raises(ValueError, match=words):
            translate(tmp_path / "x.png", tmp_path, **options)
    Image.fromarray(pixels()).save(tmp_path / "y.jpg")
    assert translate(tmp_path / "y.jpg", tmp_path, depth="16")[0].suffix == ".png"
    assert translate(tmp_path / "y.jpg", tmp_path, depth="float")[0].suffix == ".tif"
    with pytest.raises(ValueError, match="4 channels; leave out alpha=keep"):
        translate(tmp_path / "x.png", tmp_path, alpha="keep", settings={"channels": (4, 4)})


def test_jpegs_are_close_to_what_the_network_returned(tmp_path: Path) -> None:
    # saturated colours whose edges are odd, so that shared chroma would blur them
    scene = np.zeros((120, 120, 3), np.uint8)
    scene[:, :, 1] = np.linspace(0, 255, 120)
    for left in range(5, 110, 15):
        scene[left : left + 9, 7:113] = (230, 20, 200)
    Image.fromarray(scene).save(tmp_path / "x.png")
    result, _ = translate(tmp_path / "x.png", tmp_path, format="jpg")
    error = (read_image(result) - read_image(tmp_path / "x.png")).double().div(2).square().mean()
    assert -10 * error.log10() > 40


def test_what_results_cannot_keep_is_noted_by_reason(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.gif", "b.gif"):
        Image.fromarray(pixels()).save(folder / name)
    Image.fromarray(pixels()).save(folder / "c.png", icc_profile=b"broken")
    _, report = translate(folder, tmp_path)
    assert len(report.notes) == 2
    assert report.notes[0].startswith("2 inputs: .gif files are not written, so the results are")
    assert "1 input: the colour profile can't be used" in report.notes[1]


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 0), ("uint16", 0), ("uint16", 65535)])
def test_whole_numbers_keep_their_no_data_value(tmp_path: Path, dtype: str, nodata: int) -> None:
    most = int(np.iinfo(dtype).max)
    values = pixels(most=most)
    values[2, 3] = (nodata, nodata, 5)  # a colour, although two of its values are no-data
    values[:4, 10:] = nodata
    stated = [(42113, "s", 0, str(nodata), True)]
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb", extratags=stated)
    result, report = translate(tmp_path / "x.tif", tmp_path)
    assert not report.notes
    with tifffile.TiffFile(result) as file:
        tags, written = file.pages[0].tags, file.asarray()
    assert float(tags[42113].value) == nodata and written.dtype == dtype
    empty = (values == nodata).all(-1)
    assert np.array_equal((written == nodata).any(-1), empty)
    assert np.abs(written.astype(int) - values)[~empty].max() <= 1
    _, report = translate(tmp_path / "x.tif", tmp_path, format="png")
    assert "pixels that hold no value get one in the result, which can't mark them; use tif" in str(
        report.notes
    )


def test_no_data_values_that_whole_numbers_cannot_hold_are_noted(tmp_path: Path) -> None:
    values = np.linspace(-1, 1, 12 * 20 * 3, dtype=np.float32).reshape(12, 20, 3)
    values[0, 0] = np.nan
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb")
    settings = {"value_range": (-1, 1)}
    _, report = translate(tmp_path / "x.tif", tmp_path, settings=settings)
    assert not report.notes
    _, report = translate(tmp_path / "x.tif", tmp_path, settings=settings, depth="16")
    assert "pixels that hold no value get one in the result" in str(report.notes)


def test_metadata_that_a_format_cannot_hold_is_noted(tmp_path: Path) -> None:
    xmp, texts, exif = b"<x>" + b"a" * 70_000, PngInfo(), Image.Exif()
    exif[270] = "d" * 70_000
    texts.add_text("Author", "me")
    image = Image.fromarray(pixels())
    image.save(tmp_path / "x.webp", xmp=xmp, lossless=True)
    image.save(tmp_path / "e.png", exif=exif, pnginfo=texts)
    kept, report = translate(tmp_path / "x.webp", tmp_path)
    with Image.open(kept) as written:
        assert written.info["xmp"] == xmp and not report.notes
    for name, format, words in (
        ("x.webp", "jpg", "its XMP, since .jpg files hold up to 65 kB"),
        ("x.webp", "bmp", "its XMP, which .bmp files do not hold"),
        ("e.png", "jpg", "its camera data (EXIF), since .jpg files hold up to 65 kB"),
        ("e.png", "webp", "its texts and comments, which .webp files do not hold"),
        ("e.png", "bmp", "its camera data (EXIF) and its texts and comments, which .bmp"),
    ):
        _, report = translate(tmp_path / name, tmp_path, format=format)
        assert any(f"left out: {words}" in note for note in report.notes), report.notes


def test_tags_of_maps_that_results_lack_are_noted(tmp_path: Path) -> None:
    tags = [(SCALE, "d", 3, (1.0, 1.0, 0.0), True), (42112, "s", 0, "<GDALMetadata/>", True)]
    tifffile.imwrite(tmp_path / "x.tif", pixels(), photometric="rgb", extratags=tags)
    _, report = translate(tmp_path / "x.tif", tmp_path)
    assert ["GDAL's metadata is left out" in note for note in report.notes] == [True]
    _, report = translate(tmp_path / "x.tif", tmp_path, format="jpg")
    assert "left out: the tags of its place on the map, which .jpg files do not hold" in str(
        report.notes
    )


def test_a_profile_of_floating_point_values_is_noted(tmp_path: Path) -> None:
    values = pixels().astype(np.float32) / 255
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb", iccprofile=WIDE)
    _, report = translate(tmp_path / "x.tif", tmp_path, settings={"value_range": (0, 1)})
    assert "its values are not of 8 or 16 bits" in str(report.notes)


def test_earlier_models_keep_the_profile_of_colours_that_they_do_not_convert(
    tmp_path: Path,
) -> None:
    data = WIDE
    Image.fromarray(pixels()).save(tmp_path / "x.png", icc_profile=data)
    result, _ = translate(tmp_path / "x.png", tmp_path, settings={"data_rules": 1})
    with Image.open(result) as image:
        assert image.info["icc_profile"] == data
        assert np.array_equal(np.asarray(image), pixels())
