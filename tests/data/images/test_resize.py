import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from crossimage.config import Config
from crossimage.data.images.resize import (
    centre,
    enlarge,
    pad_to,
    resize_decoded,
    resize_floats,
    resize_shortest_side,
    resize_to_cover,
    shrink,
    size_before_crop,
)
from crossimage.utils.intensities import from_uint8


@pytest.mark.parametrize(
    ("size", "resize", "crop", "expected"),
    [
        ((100, 50), 25, (25, 25), (25, 50)),  # the shortest side
        ((100, 50), 0, (25, 25), (50, 100)),  # kept
        ((10, 20), 0, (40, 30), (60, 30)),  # enlarged to the crop
        ((100, 50), 25, (25, 80), (40, 80)),  # resized, but still large enough
        ((33, 77), 32, (32, 32), (75, 32)),
    ],
)
def test_sizes_before_the_crop(size, resize, crop, expected):
    width, height = size
    assert size_before_crop(height, width, Config(resize=resize, crop=crop)) == expected


def random_image(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.randint(0, 256, (1, channels, height, width)) / 127.5 - 1


def levels(x: Tensor) -> Tensor:
    return (x + 1) * 127.5


def test_pixels_are_weighted_and_mirrored_as_by_matlabs_imresize() -> None:
    weights = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    x = random_image(8, 12, 1)
    pixels = np.pad(levels(x)[0, 0].numpy(), 3, mode="symmetric")
    rows = sum(w * pixels[i : i + 7 : 2] for i, w in enumerate(weights))
    expected = sum(w * rows[:, i : i + 11 : 2] for i, w in enumerate(weights))
    expected = np.clip(np.round(expected), 0, 255)
    np.testing.assert_allclose(levels(shrink(x, 2))[0, 0].numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("scale", [2, 4])
def test_within_an_image_small_versions_are_those_of_pillow(scale: int) -> None:
    x = random_image(64, 96, 1)
    picture = Image.fromarray(levels(x)[0, 0].numpy())
    shrunk = np.asarray(picture.resize((96 // scale, 64 // scale), Image.Resampling.BICUBIC))
    difference = levels(shrink(x, scale))[0, 0] - torch.tensor(shrunk).clamp(0, 255)
    # at the edges Pillow leaves out what MATLAB mirrors
    assert difference[2:-2, 2:-2].abs().max() < 0.501


def test_flat_images_stay_flat_when_they_are_shrunk_and_enlarged() -> None:
    x = torch.full((1, 3, 16, 24), 51 / 127.5 - 1)
    torch.testing.assert_close(shrink(x, 4), x[:, :, :4, :6])
    torch.testing.assert_close(enlarge(x, 2), x.repeat(1, 1, 2, 2))


def test_an_enlarged_image_is_centred_on_the_small_one() -> None:
    ramp = (torch.arange(32) * 4 / 127.5 - 1).expand(1, 1, 32, 32)
    torch.testing.assert_close(
        enlarge(shrink(ramp, 2), 2)[..., 8:-8], ramp[..., 8:-8], rtol=0, atol=1 / 127.5
    )


def test_sides_that_are_no_multiple_of_the_scale_are_named() -> None:
    with pytest.raises(ValueError, match="images of 24x18 pixels, expected multiples of 4"):
        shrink(random_image(18, 24), 4)


def test_decoded_bytes_are_resized_to_whole_levels_and_floats_exactly() -> None:
    image = torch.randint(0, 256, (3, 20, 30), dtype=torch.uint8)
    small = resize_decoded(image, (10, 12))
    assert (small.dtype, small.shape) == (torch.uint8, (3, 10, 12))
    exact = resize_floats(from_uint8(image)[None], (10, 12))[0]
    assert exact.shape == (3, 10, 12)
    assert ((levels(exact) - small).abs() <= 1).all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(20, 30), (7, 9), (41, 64), (20, 15)])
@pytest.mark.parametrize("last", [False, True])
def test_images_are_resized_and_cut_exactly_as_by_torchvision(dtype, channels, size, last):
    image = torch.randint(0, 256, (channels, 20, 30)).to(dtype)
    if last:  # as Pillow gives them
        image = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(
        resize_decoded(image, size), transforms.resize(image, list(size), antialias=True)
    )
    smaller = (min(size[0], 20), min(size[1], 30))
    assert torch.equal(centre(image, smaller), transforms.center_crop(image, list(smaller)))


def test_the_shortest_side_is_resized_and_the_other_in_proportion() -> None:
    assert resize_shortest_side(random_image(20, 30), 10).shape == (1, 3, 10, 15)
    assert resize_shortest_side(random_image(400, 3), 1).shape == (1, 3, 133, 1)


def test_an_image_that_covers_a_size_is_cut_in_the_middle() -> None:
    x = random_image(8, 8)
    assert resize_to_cover(x, (8, 8)) is x
    wide = torch.cat([torch.full((1, 3, 8, 4), -1.0), x, torch.full((1, 3, 8, 4), 1.0)], 3)
    assert torch.equal(resize_to_cover(wide, (8, 8)), x)
    assert resize_to_cover(wide, (4, 16)).shape == (1, 3, 4, 16)


@pytest.mark.parametrize(("size", "mode"), [((6, 6), "reflect"), ((2, 2), "replicate")])
def test_images_are_padded_to_a_multiple_and_a_least_size(size: tuple[int, int], mode: str) -> None:
    x = random_image(*size)
    padded, rows, columns = pad_to(x, 4, 8)
    assert padded.shape == (1, 3, 8, 8)
    assert torch.equal(padded[:, :, rows, columns], x)
    border = (8 - size[0]) // 2
    assert torch.equal(padded, torch.nn.functional.pad(x, (border,) * 4, mode))
