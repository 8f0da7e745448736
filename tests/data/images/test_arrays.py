import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.data.images.arrays import from_pil, to_pil
from tests.data.images.helpers import picture


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
