import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.data.images.files import decode, read_image
from crossimage.data.images.pixels import ImageError
from tests.data.images.helpers import picture, png16


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_in_a_float_image_is_an_image_error_of_earlier_runs(tmp_path, bad):
    array = np.zeros((4, 5), np.float32)
    array[1, 2] = bad
    tifffile.imwrite(tmp_path / "x.tif", array)
    with pytest.raises(ImageError, match="NaN"):
        read_image(tmp_path / "x.tif", 1, (0, 1), rules=1)


def test_float_values_beyond_the_range_are_clipped(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.array([[-5, 0, 1, 7]], np.float32))
    assert read_image(tmp_path / "x.tif", 1, (0, 1)).flatten().tolist() == [-1, -1, 1, 1]


def test_channel_mismatch_names_file_found_and_expected(tmp_path):
    tifffile.imwrite(tmp_path / "five.tif", np.zeros((5, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"five\.tif has 5 channels, expected 3"):
        read_image(tmp_path / "five.tif", 3)
    Image.new("RGB", (4, 4)).save(tmp_path / "rgb.png")
    with pytest.raises(ValueError, match=r"rgb\.png has 3 channels, expected 5"):
        read_image(tmp_path / "rgb.png", 5)


def test_transparency_is_composited_on_white(tmp_path):
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    image.save(tmp_path / "rgba.png")
    expected = [[255, 0, 0], [255, 255, 255], [127, 127, 127]]
    assert decode(tmp_path / "rgba.png").permute(1, 2, 0)[0].tolist() == expected
    assert decode(tmp_path / "rgba.png", 1).flatten().tolist() == [76, 255, 127]


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


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_a_given_range_is_that_of_sixteen_bits_too(tmp_path, name):
    values = np.array([[0, 1000, 4095, 60000]], np.uint16)
    if name == "x.png":
        png16(tmp_path / name, values[..., None])
    else:
        tifffile.imwrite(tmp_path / name, values)
    found = read_image(tmp_path / name, 1, (0, 4095)).flatten()
    torch.testing.assert_close(found, torch.tensor([-1, 1000 / 2047.5 - 1, 1, 1]))
    full = torch.from_numpy(values.astype(np.float32) / 32767.5 - 1).flatten()
    torch.testing.assert_close(read_image(tmp_path / name, 1).flatten(), full)
    torch.testing.assert_close(read_image(tmp_path / name, 1, (0, 4095), rules=1).flatten(), full)


def test_eight_bits_and_opacity_keep_their_full_range(tmp_path):
    Image.fromarray(picture(4, 5, 3)).save(tmp_path / "x.png")
    assert torch.equal(read_image(tmp_path / "x.png", 3, (0, 50)), read_image(tmp_path / "x.png"))
    values = np.array([[[4095, 65535], [4095, 0]]], np.uint16)
    png16(tmp_path / "deep.png", values)
    assert read_image(tmp_path / "deep.png", 4, (0, 4095))[:, 0].T.tolist() == [
        [1, 1, 1, 1],
        [1, 1, 1, -1],
    ]
