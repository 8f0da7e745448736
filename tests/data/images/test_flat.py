"""Images, or channels of images, that are the same everywhere."""

import pytest
import torch

from crossimage.data.images.flat import flatness
from crossimage.data.images.pixels import Pixels

DTYPES = [torch.uint8, torch.uint16, torch.float32]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [0, 1, 200])
def test_one_value_everywhere_is_blank(dtype: torch.dtype, value: int) -> None:
    image = torch.full((3, 4, 6), value).to(dtype)
    assert flatness(Pixels(image, alpha=False)) == ("blank", "blank", "blank")


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_pixel_of_one_channel_is_enough_for_it_to_vary(dtype: torch.dtype) -> None:
    image = torch.zeros(3, 4, 6)
    image[1, 3, 5] = 1
    found = flatness(Pixels(image.to(dtype), alpha=False))
    assert found == ("flat channel", "blank", "flat channel")
    image[:, 3, 5] = 1
    assert flatness(Pixels(image.to(dtype), alpha=False))[0] == "varied"


@pytest.mark.parametrize(("dtype", "white"), [(torch.uint8, 255), (torch.uint16, 65535)])
def test_what_cannot_be_seen_does_not_count(dtype: torch.dtype, white: int) -> None:
    colours = torch.randint(0, 200, (3, 4, 6))
    hidden = torch.cat([colours, torch.zeros(1, 4, 6, dtype=torch.long)]).to(dtype)
    assert flatness(Pixels(hidden, alpha=True))[0] == "blank"
    opaque = torch.cat([colours, torch.full((1, 4, 6), white)]).to(dtype)
    assert flatness(Pixels(opaque, alpha=True))[0] == "varied"
    shape = torch.cat([torch.zeros(3, 4, 6), torch.rand(1, 4, 6) * white]).to(dtype)
    assert flatness(Pixels(shape, alpha=True))[0] == "varied"


def test_images_one_pixel_wide_have_no_left_half() -> None:
    assert flatness(Pixels(torch.zeros(1, 2, 1), alpha=False)) == ("blank", "varied", "blank")
