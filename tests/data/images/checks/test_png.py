import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from crossimage.data.images.checks.png import chunk, orientation
from crossimage.data.images.codecs import deep_png
from crossimage.data.images.files import probe, read_image, verify
from crossimage.data.images.pixels import ImageError
from tests.data.images.helpers import png_of_bits
from tests.faults.image_mutants import originals

DEEP = [name for name in originals() if name.endswith(".png") and name[:4] in ("deep", "inte")]


def chunks(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield the position, the name and the length of every chunk."""
    at = 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield at, name, length
        at += 12 + length


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 33)])
def test_pixels_of_sixteen_bits_are_read_as_they_were_written(tmp_path, channels, size):
    values = np.random.default_rng(0).integers(0, 65536, (*size, channels)).astype(np.uint16)
    (tmp_path / "x.png").write_bytes(deep_png.encode(values, PngInfo()))
    if channels in (2, 4):
        values[..., -1] = 65535  # opaque, so that nothing shows through
        (tmp_path / "x.png").write_bytes(deep_png.encode(values, PngInfo()))
    colours = 1 if channels < 3 else 3
    x = read_image(tmp_path / "x.png", colours)
    expected = values[..., :colours].astype(np.float32) / 32767.5 - 1
    assert np.allclose(x.permute(1, 2, 0).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in DEEP if n.startswith("interlaced")])
def test_interlaced_pixels_of_sixteen_bits_are_the_same(tmp_path, name):
    for kind in (name, name.replace("interlaced", "deep")):
        (tmp_path / kind).write_bytes(originals()[kind])
    interlaced, plain = (
        read_image(tmp_path / kind, 4) for kind in (name, name.replace("interlaced", "deep"))
    )
    assert (interlaced - plain).abs().max() < 0.01  # only one of them has a colour profile


def test_a_deep_png_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    values = np.arange(12, dtype=np.uint16).reshape(3, 4, 1) * 5000
    data = deep_png.encode(values, PngInfo(), exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "x.png").write_bytes(data)
    x = read_image(tmp_path / "x.png", 1)
    assert (probe(tmp_path / "x.png").height, x.shape) == (4, (1, 4, 3))
    assert np.allclose(x[0].numpy(), np.rot90(values[..., 0], -1) / 32767.5 - 1, atol=1e-4)


@pytest.mark.parametrize("name", [*DEEP[:4], "RGB.png", "palette4.png"])
def test_a_flipped_bit_is_found_by_the_checksum(tmp_path, name):
    whole = originals()[name]
    path = tmp_path / "x.png"
    for at, kind, length in chunks(whole):
        if kind in (b"IDAT", b"PLTE") and length:
            data = bytearray(whole)
            data[at + 8 + length // 2] ^= 16
            path.write_bytes(data)
            with pytest.raises(ImageError, match=r"x\.png can't be read: "):
                verify(path)


def test_a_png_that_cannot_hold_its_pixels_is_refused_before_memory_is_taken(tmp_path: Path):
    header = struct.pack(">IIBBBBB", 9_000, 9_000, 16, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(2**20))), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
    (tmp_path / "x.png").write_bytes(data + bytes(2**20))
    with pytest.raises(ImageError, match=r"its 1,.* bytes of data are too few for 9000 x 9000"):
        verify(tmp_path / "x.png")


def orientation_chunks():
    exif = Image.Exif()
    exif[274] = 6
    data = exif.tobytes()
    words = f"\nexif\n{len(data):8}\n{data.hex()}\n".encode()
    xmp = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    return {
        "EXIF": (b"eXIf", data.removeprefix(b"Exif\0\0")),
        "EXIF as text": (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(words)),
        "XMP": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
    }


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("form", orientation_chunks())
def test_the_orientation_counts_in_any_form_and_place(tmp_path, form, bits, after):
    chunk_of_it = orientation_chunks()[form]
    values = np.arange(12, dtype=np.uint8 if bits == 8 else np.uint16).reshape(3, 4)
    before, behind = ([], [chunk_of_it]) if after else ([chunk_of_it], [])
    (tmp_path / "x.png").write_bytes(png_of_bits(values, bits, *before, after=behind))
    x = read_image(tmp_path / "x.png", 1)[0]
    shown = ((x + 1) / 2 * (2**bits - 1)).round().numpy()
    assert np.array_equal(shown, np.rot90(values, -1))
    info = probe(tmp_path / "x.png")
    assert (info.height, info.width) == (4, 3)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("history", [b"zTXt", b"tEXt"])
def test_the_orientation_counts_beside_long_metadata(tmp_path, history, bits):
    """Such as the history of a picture, which may be longer than Pillow decompresses."""
    words = b" ".join(str(number).encode() for number in range(400_000))
    long = b"History\0\0" + zlib.compress(words) if history == b"zTXt" else b"History\0" + words
    values = np.arange(12, dtype=np.uint8 if bits == 8 else np.uint16).reshape(3, 4)
    behind = [(history, long), orientation_chunks()["EXIF"], (history, long)]
    (tmp_path / "x.png").write_bytes(png_of_bits(values, bits, after=behind))
    assert orientation(tmp_path / "x.png") == 6
