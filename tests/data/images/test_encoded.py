"""Encoded images in memory are read like the files they come from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.files import probe, read_image, verify
from crossimage.data.images.pixels import ImageError
from tests.data.images.test_files import png16

RNG = np.random.default_rng(0)


def eight_bits(path: Path) -> None:
    Image.fromarray(RNG.integers(0, 256, (9, 13, 3), np.uint8)).save(path)


def turned_jpeg(path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(RNG.integers(0, 256, (9, 13, 3), np.uint8)).save(path, exif=exif)


def deep_png(path: Path) -> None:
    png16(path, RNG.integers(0, 65536, (9, 13, 3)).astype(np.uint16))


def deep_tiff(path: Path) -> None:
    tifffile.imwrite(path, RNG.random((9, 13)).astype(np.float32))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.png", eight_bits),
        ("x.jpg", eight_bits),
        ("x.webp", eight_bits),
        ("x.bmp", eight_bits),
        ("x.tif", eight_bits),
        ("turned.jpg", turned_jpeg),
        ("deep.png", deep_png),
        ("deep.tif", deep_tiff),
    ],
)
def test_memory_is_read_like_the_file(
    name: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / name
    write(path)
    image = EncodedImage(path.read_bytes())
    assert probe(image) == verify(image) == probe(path)
    channels = 1 if name == "deep.tif" else 3
    assert torch.equal(read_image(image, channels, (0, 1)), read_image(path, channels, (0, 1)))


def test_damaged_data_is_named() -> None:
    with pytest.raises(ImageError, match=r"upload 3 can't be read: it is not an image of a known"):
        read_image(EncodedImage(b"GIF? no", "upload 3"))
    with pytest.raises(ImageError, match="the image can't be read"):
        read_image(EncodedImage(b"II*\0damaged"))
