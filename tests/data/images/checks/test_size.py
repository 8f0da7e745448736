import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import crossimage
from crossimage.cli.app import main
from crossimage.data.images.checks.limit import max_pixels, max_pixels_kept
from crossimage.data.images.checks.png import chunk
from crossimage.data.images.files import probe, read_image, verify
from crossimage.data.images.pixels import BombError, ImageError


@pytest.fixture(autouse=True)
def _restored():
    with max_pixels_kept():
        yield


def png(path: Path, width: int, height: int, bits: int = 8, kind: int = 2, size: int = 9) -> Path:
    """Write a PNG whose header says anything."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(size))), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    return path


def test_photos_of_two_hundred_megapixels_are_within_the_limit(tmp_path):
    Image.new("RGB", (16_320, 12_240)).save(tmp_path / "x.jpg")
    assert probe(tmp_path / "x.jpg").width == 16_320


def test_the_limit_is_set_for_this_process_and_those_it_starts(tmp_path):
    Image.new("L", (20, 10)).save(tmp_path / "x.png")
    crossimage.set_max_pixels(199)
    with pytest.raises(
        BombError, match=r"x\.png has 20 x 10 pixels, more than the 199 that .* 200"
    ):
        read_image(tmp_path / "x.png")
    code = "from crossimage.data.images.checks.limit import max_pixels; print(max_pixels())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "199\n"
    crossimage.set_max_pixels(200)
    assert read_image(tmp_path / "x.png").shape == (3, 10, 20)
    crossimage.set_max_pixels(None)
    assert max_pixels() == 2**28


@pytest.mark.parametrize("wrong", [0, -1, True, 2.5, "many", 10**400])
def test_a_limit_that_is_no_positive_number_is_refused(wrong):
    with pytest.raises(ValueError, match="max_pixels.*expected a positive whole number"):
        crossimage.set_max_pixels(wrong)
    os.environ["CROSSIMAGE_MAX_PIXELS"] = "lots"
    with pytest.raises(ValueError, match="CROSSIMAGE_MAX_PIXELS is 'lots'"):
        max_pixels()


def test_pixels_of_large_webp_files_count_as_four(tmp_path):
    Image.new("RGB", (8_200, 8_200)).save(tmp_path / "x.webp", quality=1, method=0)
    with pytest.raises(BombError, match=r"67,240,000|268,960,000") as refusal:
        probe(tmp_path / "x.webp")
    assert "--max-pixels 268960000" in str(refusal.value)
    Image.new("RGB", (20, 10)).save(tmp_path / "x.webp")
    crossimage.set_max_pixels(200)
    assert probe(tmp_path / "x.webp").width == 20


@pytest.mark.parametrize("values", [np.zeros((100, 100, 3), np.uint16), np.zeros((100, 100, 7))])
def test_deep_pixels_and_many_channels_count_for_more(tmp_path, values):
    tifffile.imwrite(tmp_path / "x.tif", values)
    counted = values.nbytes // 4
    crossimage.set_max_pixels(counted - 1)
    with pytest.raises(BombError, match=f"which count as {counted:,}, .* --max-pixels {counted} "):
        verify(tmp_path / "x.tif")
    crossimage.set_max_pixels(counted)
    assert verify(tmp_path / "x.tif").width == 100


@pytest.mark.parametrize(("bits", "kind"), [(1, 0), (8, 0), (8, 6), (16, 2)])
def test_small_files_that_ask_for_much_memory_are_refused_from_their_header(tmp_path, bits, kind):
    path = png(tmp_path / "x.png", 12_000, 10_000, bits, kind, size=2**20)
    with pytest.raises(BombError, match=r"x\.png .* in only .* bytes, .* allow it with --max-pix"):
        probe(path)
    crossimage.set_max_pixels(10**9)
    assert probe(path).width == 12_000
    with pytest.raises(ImageError, match="too few for 12000 x 10000 pixels"):
        read_image(path)  # and no memory is taken for them


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (2**21, 1), (1, 2**21)])
def test_sides_are_positive_and_bounded(tmp_path, size):
    tifffile.imwrite(tmp_path / "x.tif", np.ones((7, 6), np.uint8))
    data = (tmp_path / "x.tif").read_bytes()
    for code, side in zip((256, 257), size, strict=True):
        at = data.index(struct.pack("<HH", code, 4))
        data = data[: at + 8] + struct.pack("<I", side) + data[at + 12 :]
    (tmp_path / "x.tif").write_bytes(data)
    for read in (probe, verify, read_image):
        with pytest.raises(ImageError, match="its header says .* x .* pixels; expected sides of 1"):
            read(tmp_path / "x.tif")


def test_commands_take_the_limit_and_forget_it(tmp_path, capsys):
    for side in "AB":
        (tmp_path / f"train{side}").mkdir()
        Image.new("RGB", (30, 30)).save(tmp_path / f"train{side}" / "x.png")
    main(["data", "inspect", str(tmp_path), "--max-pixels", "899"])
    assert capsys.readouterr().out.count("more than the 899 that are decoded at once") >= 2
    assert max_pixels() == 2**28
    main(["data", "inspect", str(tmp_path), "--max-pixels", "900"])
    assert "decoded at once" not in capsys.readouterr().out
    assert main(["data", "inspect", str(tmp_path), "--max-pixels", "0"]) == 2
    assert "max_pixels) is 0; expected a positive" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("width", "height", "refused"), [(8_000, 8_000, False), (1816, 53_015, True)]
)
def test_a_small_file_may_not_describe_an_image_that_takes_a_gigabyte(
    width: int, height: int, refused: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.gif"
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x80, 0, 0) + bytes(6)
    frame = struct.pack("<cHHHHBB", b",", 0, 0, width, height, 0, 2) + b"\x02\x4c\x01\x00;"
    path.write_bytes(screen + frame)
    if refused:
        with pytest.raises(ValueError, match=r"a\.gif has 1816 x 53015 pixels .* --max-pixels"):
            probe(path)
    else:
        assert probe(path).width == width
