"""Embedded colour profiles: the same colours are the same pixels."""

import struct
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from crossimage.data.images.arrays import from_pil
from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.files import decode, probe, read_image
from crossimage.data.images.pixels import ImageError
from tests.data.images.helpers import png16

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WIDE = imagecodecs.cms_profile(
    "rgb",
    whitepoint=[0.3127, 0.3290, 1.0],
    primaries=[0.64, 0.33, 1.0, 0.21, 0.71, 1.0, 0.15, 0.06, 1.0],
    gamma=2.2,
)
LINEAR_GRAY = imagecodecs.cms_profile("gray", gamma=1.0)
BROKEN = WIDE[:200]


def to_wide(array):
    """The values, in the wide space, of colours (H, W, 3) in sRGB."""
    floats = array.astype(np.float32) / 255
    wide = imagecodecs.cms_transform(
        floats, SRGB, WIDE, colorspace="rgb", outcolorspace="rgb", outdtype=np.float32
    )
    return wide.clip(0, 1)


@pytest.fixture
def colours():
    """Smooth colours, so that JPEG changes them little."""
    red, green = np.meshgrid(np.linspace(40, 220, 32), np.linspace(60, 200, 24))
    return np.stack([red, green, 255 - red], -1).round().astype(np.uint8)


def png16_with_profile(path, array, profile):
    png16(path, array)
    data = path.read_bytes()
    body = b"iCCPprofile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:33] + chunk + data[33:])


def save(path, array, profile):
    """Write values (H, W, C) in 0..1 with a profile."""
    bits8 = (array * 255).round().astype(np.uint8)
    bits16 = (array * 65535).round().astype(np.uint16)
    kind = path.name.split(".")[0]
    if kind == "png16":
        png16_with_profile(path, bits16, profile)
    elif kind.startswith("tiff"):
        values = (bits16 if "16" in kind else bits8).squeeze()
        tifffile.imwrite(
            path, values.transpose(2, 0, 1) if "planar" in kind else values, iccprofile=profile,
            photometric="rgb" if array.shape[2] > 2 else "minisblack",
            compression="zlib" if "deflated" in kind else None,
        )  # fmt: skip
    else:
        options = {
            ".jpg": {"quality": 100, "subsampling": 0},
            ".webp": {"lossless": True},
            ".avif": {"quality": 100, "subsampling": "4:4:4"},
        }.get(path.suffix, {})
        Image.fromarray(bits8.squeeze()).save(path, icc_profile=profile, **options)


FILES = [
    "x.png", "x.jpg", "x.webp", "x.tif", "x.avif", "png16.png", "tiff8.tif", "tiff16.tif",
    "tiff8planar.tif", "tiff16planar.tif", "tiff16deflated.tif",
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_colours_of_any_profile_are_read_as_srgb(tmp_path, colours, name):
    path = tmp_path / name
    save(path, to_wide(colours), WIDE)
    expected = torch.from_numpy(colours).permute(2, 0, 1).float() / 127.5 - 1
    tolerance = (4 if path.suffix in (".jpg", ".webp", ".avif") else 1) / 127.5
    found = read_image(path)
    assert (found - expected).abs().mean() < tolerance / 2
    assert torch.equal(found, read_image(EncodedImage(path.read_bytes())))
    stored = decode(path, profiles=False)
    plain = stored if stored.is_floating_point() else stored / 127.5 - 1
    assert (plain - expected).abs().max() > 6 / 127.5
    if path.suffix != ".avif":
        assert torch.equal(read_image(path, rules=1), plain)


def test_reduced_and_turned_jpegs_and_pillow_images_are_converted_too(tmp_path, colours):
    path, exif = tmp_path / "x.jpg", Image.Exif()
    exif[274] = 6
    wide = Image.fromarray((to_wide(colours) * 255).round().astype(np.uint8))
    wide.save(path, quality=100, subsampling=0, exif=exif, icc_profile=WIDE)
    upright = torch.from_numpy(np.rot90(colours, -1).copy()).permute(2, 0, 1)
    small = decode(path, target_size=lambda height, width: (height // 2, width // 2))
    assert small.shape == (3, 16, 12)
    assert (decode(path).float() - upright).abs().mean() < 2
    assert (small.float() - upright[:, ::2, ::2]).abs().mean() < 6
    with Image.open(path) as image:
        assert (from_pil(image) - read_image(path)).abs().max() < 2 / 127.5


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "png16.png", "tiff8.tif", "tiff16.tif"])
def test_gray_profiles_are_followed(tmp_path, name):
    path = tmp_path / name
    levels = (np.arange(64, dtype=np.float32) * 4 / 255).reshape(8, 8, 1)
    save(path, levels, LINEAR_GRAY)
    # the curve of sRGB
    expected = np.where(levels <= 0.0031308, levels * 12.92, 1.055 * levels ** (1 / 2.4) - 0.055)
    found = read_image(path, 1)[0].numpy() / 2 + 0.5
    assert np.abs(found - expected[..., 0]).max() < (0.06 if path.suffix == ".jpg" else 0.004)


@pytest.mark.parametrize("depth", [8, 16])
def test_opacity_is_not_converted(tmp_path, colours, depth):
    opacity = np.linspace(0, 1, 24 * 32, dtype=np.float32).reshape(24, 32, 1)
    rgba = np.concatenate([to_wide(colours), opacity], -1)
    save(tmp_path / ("x.png" if depth == 8 else "png16.png"), rgba, WIDE)
    found = read_image(tmp_path / ("x.png" if depth == 8 else "png16.png"), 4)
    assert np.abs(found[3].numpy() / 2 + 0.5 - opacity[..., 0]).max() < 0.003
    assert np.abs(found[:3].numpy() * 127.5 + 127.5 - colours.transpose(2, 0, 1)).mean() < 1


def test_profiles_of_srgb_change_nothing(tmp_path, colours):
    for name in ("x.png", "x.jpg", "tiff16.tif", "png16.png"):
        save(tmp_path / name, colours / 255, SRGB)
        assert torch.equal(read_image(tmp_path / name), read_image(tmp_path / name, rules=1))


@pytest.mark.parametrize("profile", [b"no profile", BROKEN, LINEAR_GRAY])
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "tiff8.tif"])
def test_a_profile_that_cannot_be_used_is_ignored_and_told(tmp_path, colours, name, profile):
    save(tmp_path / name, colours / 255, profile)
    assert torch.equal(read_image(tmp_path / name), read_image(tmp_path / name, rules=1))
    assert probe(tmp_path / name).ignored_profile


def test_deep_images_need_a_package_that_keeps_their_depth(tmp_path, colours, monkeypatch):
    save(tmp_path / "png16.png", to_wide(colours), WIDE)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(ImageError, match=r"png16\.png .*pip install 'crossimage\[formats\]'"):
        read_image(tmp_path / "png16.png")
