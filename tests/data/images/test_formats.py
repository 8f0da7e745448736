"""Every format is read by its content, whatever the file is called."""

import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.files import decode, probe, read_image
from crossimage.data.images.formats import format_of
from crossimage.data.images.pixels import ImageError

# formats with their own suffix, another one's, and how exactly they keep colours
LOSSY = {"JPEG", "MPO", "AVIF", "WEBP", "JPEG2000", "GIF", "HEIF"}
FORMATS = ["PNG", "TIFF", "BMP", "DIB", "PPM", *sorted(LOSSY)]


@pytest.fixture
def photo():
    y, x = np.mgrid[0:32, 0:48]
    return np.stack([x * 5, y * 7, 200 - x * 3], -1).astype(np.uint8)


def save(path, array, image_format):
    if image_format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(array).save(path, image_format)


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("name", ["x", "x.png", "x.tif", "x.jpg", "x.dat"])
def test_a_file_is_read_as_what_it_is(tmp_path, photo, name, image_format):
    save(tmp_path / name, photo, image_format)
    found = decode(tmp_path / name)
    expected = photo.transpose(2, 0, 1).astype(int)
    assert np.abs(found.numpy() - expected).mean() < (8 if image_format in LOSSY else 0.5)
    assert (decode(EncodedImage((tmp_path / name).read_bytes())) == found).all()
    assert (probe(tmp_path / name).width, probe(tmp_path / name).height) == (48, 32)


@pytest.mark.parametrize("suffix", [".eps", ".wmf", ".png"])
@pytest.mark.parametrize(
    "content",
    [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\xd7\xcd\xc6\x9a" + bytes(40),
     b"\0\0\2" + bytes(40), b"8BPS" + bytes(40), b""],
)  # fmt: skip
def test_formats_that_run_programs_or_are_not_listed_are_refused(tmp_path, suffix, content):
    (tmp_path / f"x{suffix}").write_bytes(content)
    assert format_of(content) is None
    with pytest.raises(ImageError, match="it is not an image of a known format"):
        read_image(tmp_path / f"x{suffix}")


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    frames = [Image.new("RGB", (8, 8), (shade,) * 3) for shade in (255, 0)]
    for name in ("x.gif", "x.png", "x.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert decode(tmp_path / name).float().mean() > 250


def test_heic_without_its_package_says_what_to_install(tmp_path, photo, monkeypatch):
    save(tmp_path / "x.heic", photo, "HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"pip install 'crossimage\[formats\]'"):
        read_image(tmp_path / "x.heic")


@pytest.mark.parametrize("depth", [8, 16])
def test_gray_pnm_keeps_its_depth(tmp_path, depth):
    top = 2**depth - 1
    values = np.linspace(0, top, 64).round().astype(">u2" if depth == 16 else np.uint8)
    (tmp_path / "x.pgm").write_bytes(b"P5 8 8 %d\n" % top + values.tobytes())
    found = read_image(tmp_path / "x.pgm", 1).flatten().numpy()
    assert np.abs((found + 1) / 2 * top - values).max() < 0.01
    assert probe(tmp_path / "x.pgm").depth == f"{depth}-bit"


def test_a_tiff_with_another_suffix_keeps_its_depth(tmp_path):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    tifffile.imwrite(tmp_path / "x.png", values)
    found = read_image(tmp_path / "x.png", 1)[0].numpy()
    assert np.abs((found + 1) * 32767.5 - values).max() < 0.01
