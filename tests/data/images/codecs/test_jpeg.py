"""JPEGs of which a part is missing."""

import numpy as np
import pytest
from PIL import Image

from crossimage.data.images.files import decode, verify
from crossimage.data.images.pixels import ImageError

END = b"\xff\xd9"


@pytest.fixture(
    params=[(mode, progressive) for mode in ("L", "RGB", "CMYK") for progressive in (0, 1)]
)
def jpeg(tmp_path, request):
    mode, progressive = request.param
    path = tmp_path / "x.jpg"
    array = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    Image.fromarray(array).convert(mode).save(path, progressive=bool(progressive))
    return path


def small(height, width):
    return height // 4, width // 4


@pytest.mark.parametrize("kept", [0.34, 0.9])
@pytest.mark.parametrize("ending", ["cut", "end marker", "zeros"])
def test_lost_parts_are_found_by_every_way_of_reading(jpeg, kept, ending):
    data = jpeg.read_bytes()
    part = data[: int(len(data) * kept)]
    part += {"cut": b"", "end marker": END, "zeros": bytes(len(data) - len(part))}[ending]
    jpeg.write_bytes(part)
    for read in (verify, decode, lambda path: decode(path, target_size=small)):
        with pytest.raises(ImageError, match=r"x\.jpg can't be read: a part of it is missing"):
            read(jpeg)


def test_a_jpeg_that_lacks_only_its_end_marker_is_read(jpeg):
    expected = decode(jpeg)
    data = jpeg.read_bytes()
    assert data.endswith(END)
    jpeg.write_bytes(data[:-2])
    assert np.array_equal(decode(jpeg), expected)


def test_bytes_after_the_image_do_no_harm(jpeg):
    expected = decode(jpeg)
    jpeg.write_bytes(jpeg.read_bytes()[:-2] + b"abc" + END + b"trailer")
    assert np.array_equal(decode(jpeg), expected)
    assert verify(jpeg).width == 128
