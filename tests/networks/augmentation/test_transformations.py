"""Changes of images that discriminators see."""

import pytest
import torch
from torch import Tensor

from crossimage.networks.augmentation.transformations import NUMBERS, transform

ALL = ("color", "translation", "cutout")
MIDDLE = 0.5
"""A number at which colours and places stay as they are."""


def images(count: int = 3, channels: int = 3, height: int = 16, width: int = 24) -> Tensor:
    """Images without a value of 0."""
    x = torch.rand(count, channels, height, width) * 0.9 + 0.1
    return torch.where(torch.rand_like(x) < 0.5, -x, x)


def numbers(count: int = 3, **given: float) -> Tensor:
    """Numbers at which nothing changes, except those that are given."""
    order = ("brightness", "saturation", "contrast", "down", "across", "row", "column")
    u = torch.full((count, NUMBERS), MIDDLE)
    for name, value in given.items():
        u[:, order.index(name)] = value
    return u


def test_images_in_the_middle_of_all_ranges_keep_colours_and_places() -> None:
    x = images()
    torch.testing.assert_close(transform(x, numbers(), ("color", "translation")), x)


def test_nothing_changes_without_augmentations_or_with_a_probability_of_0() -> None:
    x, u = images(), torch.rand(3, NUMBERS)
    assert torch.equal(transform(x, u, ()), x)
    torch.testing.assert_close(transform(x, u, ALL, torch.tensor(0.0)), x)


def test_a_probability_of_1_is_as_none() -> None:
    x, u = images(), torch.rand(3, NUMBERS) * 0.99
    assert torch.equal(transform(x, u, ALL, torch.tensor(1.0)), transform(x, u, ALL))


def test_each_change_is_made_with_its_probability() -> None:
    torch.manual_seed(1)
    x, u = images(2000, 3, 8, 8), torch.rand(2000, NUMBERS)
    for kinds in (("translation",), ("cutout",)):
        changed = transform(x, u, kinds, torch.tensor(0.3)).ne(x).flatten(1).any(1)
        certain = transform(x, u, kinds).ne(x).flatten(1).any(1).float().mean()
        assert changed.float().mean() / certain == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize(("u", "shift"), [(0.0, -0.5), (1.0, 0.5), (0.75, 0.25)])
def test_brightness_is_added(u: float, shift: float) -> None:
    x = images()
    torch.testing.assert_close(transform(x, numbers(brightness=u), ("color",)), x + shift)


@pytest.mark.parametrize(("u", "factor"), [(0.0, 0.0), (1.0, 2.0), (0.25, 0.5)])
def test_saturation_scales_the_distance_from_gray(u: float, factor: float) -> None:
    x = images()
    gray = x.mean(1, keepdim=True)
    expected = gray + factor * (x - gray)
    torch.testing.assert_close(transform(x, numbers(saturation=u), ("color",)), expected)


@pytest.mark.parametrize(("u", "factor"), [(0.0, 0.5), (1.0, 1.5)])
def test_contrast_scales_the_distance_from_the_image_s_mean(u: float, factor: float) -> None:
    x = images()
    mean = x.mean((1, 2, 3), keepdim=True)
    expected = mean + factor * (x - mean)
    torch.testing.assert_close(transform(x, numbers(contrast=u), ("color",)), expected)


@pytest.mark.parametrize(("u", "shift"), [(0.0, -2), (1.0, 2), (0.7, 1)])
def test_images_are_moved_by_whole_pixels_and_filled_with_0(u: float, shift: float) -> None:
    x = images(height=16, width=16)  # an eighth is 2
    for name, dim in (("down", 2), ("across", 3)):
        moved = transform(x, numbers(**{name: u}), ("translation",))
        inside = x.roll(shift, dim)
        rows = torch.arange(16) - shift
        empty = (rows < 0) | (rows > 15)
        empty = empty[:, None] if dim == 2 else empty
        assert torch.equal(moved, inside.masked_fill(empty, 0))


def test_all_shifts_up_to_an_eighth_occur_and_no_others() -> None:
    x = torch.zeros(500, 1, 33, 33)
    x[:, :, 16, 16] = 1
    places = transform(x, torch.rand(500, NUMBERS), ("translation",)).flatten(1).argmax(1)
    for place in (places // 33, places % 33):
        assert sorted(set(place.tolist())) == list(range(12, 21))


@pytest.mark.parametrize(("height", "width"), [(16, 24), (9, 13), (16, 13)])
def test_a_rectangle_of_half_the_sides_is_cut_out(height: int, width: int) -> None:
    x = images(height=height, width=width)
    hole = transform(x, numbers(), ("cutout",)) == 0
    covered = hole[0, 0]
    assert covered.any(1).sum() == (height + 1) // 2
    assert covered.any(0).sum() == (width + 1) // 2
    assert covered.sum() == covered.any(1).sum() * covered.any(0).sum()
    assert torch.equal(hole, covered.expand_as(hole))


def test_a_cutout_may_be_partly_outside() -> None:
    x = images(height=16, width=16)
    for u, kept in ((0.0, slice(4, None)), (1.0, slice(None, -4))):
        cut = transform(x, numbers(row=u, column=u), ("cutout",))
        assert torch.equal(cut[:, :, kept], x[:, :, kept])
        assert (cut == 0).any()


def test_every_image_has_its_own_numbers() -> None:
    x, u = images(4), torch.rand(4, NUMBERS)
    together = transform(x, u, ALL)
    alone = torch.cat([transform(x[i : i + 1], u[i : i + 1], ALL) for i in range(4)])
    torch.testing.assert_close(together, alone)


def test_a_condition_moves_with_its_image_and_keeps_its_colours() -> None:
    x = images(channels=4)
    u = torch.rand(3, NUMBERS)
    seen = transform(x, u, ALL, condition=1)
    assert torch.equal(seen[:, :1], transform(x[:, :1], u, ("translation", "cutout")))
    assert torch.equal(seen[:, 1:], transform(x[:, 1:], u, ALL))


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_images_have_any_number_of_channels(channels: int) -> None:
    assert transform(images(channels=channels), torch.rand(3, NUMBERS), ALL).isfinite().all()


def test_gradients_and_their_gradients_are_right() -> None:
    x = images(2, 3, 5, 6).double().requires_grad_()
    u = torch.rand(2, NUMBERS)

    def score(x: Tensor) -> Tensor:
        return transform(x, u, ALL).double().square()

    # fp32 inside
    assert torch.autograd.gradcheck(score, x, eps=1e-2, atol=1e-2)
    assert torch.autograd.gradgradcheck(score, x, eps=1e-2, atol=1e-2)
