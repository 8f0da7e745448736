"""Augmentations: what they change, what they leave, and that they draw nothing when off."""

from dataclasses import replace

import pytest
import torch

from crossimage.config import Config, build
from crossimage.data.samples.augment import augment, jitter, random_box, zoom_of_step, zoomed_box

PLAIN = Config(resize=0, crop=(8, 8), flip=False)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ramp(height=32, width=48):
    """An image whose red tells the row and whose green tells the column."""
    rows = torch.arange(height).mul(4).expand(width, -1).T
    columns = torch.arange(width).mul(4).expand(height, -1)
    return torch.stack([rows, columns, rows]).to(torch.uint8)


def test_boxes_have_the_areas_and_shapes_that_are_set():
    config = replace(PLAIN, resized_crop_scale=(0.25, 0.5), resized_crop_ratio=(0.5, 2.0))
    draw, boxes = generator(), set()
    for _ in range(300):
        top, left, height, width = random_box(100, 100, config, draw)
        assert top >= 0 and left >= 0 and top + height <= 100 and left + width <= 100
        assert 0.24 < height * width / 1e4 < 0.51 and 0.48 < width / height < 2.1
        boxes.add((top, left, height, width))
    assert len(boxes) > 250


def test_images_too_long_for_any_box_give_their_middle():
    config = replace(PLAIN, resized_crop_scale=(1.0, 1.0), resized_crop_ratio=(0.9, 1.1))
    assert random_box(10, 100, config, generator()) == (0, 44, 10, 11)
    assert random_box(100, 10, config, generator()) == (44, 0, 11, 10)


def test_areas_above_1_show_the_whole_image_smaller_within_the_colour_of_its_border():
    config = replace(
        PLAIN, resized_crop=1.0, resized_crop_scale=(4.0, 4.0), resized_crop_ratio=(1.0, 1.0)
    )
    image = torch.full((3, 20, 20), 51, dtype=torch.uint8)
    image[:, 2:-2, 2:-2] = 255
    places = set()
    for seed in range(8):
        (x,) = augment([image], config, generator(seed), lambda: [])
        assert x.shape == (3, 8, 8) and torch.isclose(x.amin(), torch.tensor(51 / 127.5 - 1))
        white = (x > 0.5).nonzero()[:, 1:]
        assert 4 <= len(white.unique(dim=0)) <= 16, "a quarter of the 64 pixels, but its border"
        places.add(tuple(white.float().mean(0).tolist()))
    assert len(places) > 1, "it lies at different places"


def test_images_that_belong_together_are_cut_alike():
    config = replace(PLAIN, resized_crop=1.0, resized_crop_scale=(0.2, 0.6), flip=True)
    for seed in range(5):
        x, y = augment([ramp(), ramp()], config, generator(seed), lambda: [])
        assert x.shape == (3, 8, 8) and torch.equal(x, y)


def test_the_share_of_resized_crops_is_that_set():
    config, usual = replace(PLAIN, resized_crop=0.5), []
    draw = generator()
    for _ in range(200):
        augment([ramp()], config, draw, lambda: usual.append(1) or [ramp()])
    assert 70 < len(usual) < 130


def test_brightness_and_contrast_stay_within_their_limits():
    x = torch.rand(3, 6, 6) - 0.5
    brighter = replace(PLAIN, brightness=0.1)
    shifts = [(jitter([x], brighter, generator(n))[0] - x).mean().item() for n in range(50)]
    assert -0.2 <= min(shifts) < -0.1 < 0.1 < max(shifts) <= 0.2  # of a range of 2
    contrast = replace(PLAIN, contrast=0.2)
    factors = [(jitter([x], contrast, generator(n))[0].std() / x.std()).item() for n in range(50)]
    assert 0.8 <= min(factors) < 0.9 < 1.1 < max(factors) <= 1.2
    assert jitter([x], replace(PLAIN, brightness=1.0), generator())[0].abs().max() <= 1


def test_what_is_off_draws_nothing():
    draw = generator()
    before = draw.get_state()
    x = torch.zeros(3, 8, 8)
    assert jitter([x], PLAIN, draw)[0] is x and torch.equal(draw.get_state(), before)


@pytest.mark.parametrize("values", [(0, 0.5), (0.8, 0.5), (1.5, 1.2)])
def test_impossible_boxes_are_refused(values):
    with pytest.raises(ValueError, match="resized_crop_scale must be"):
        build(Config, {"resized_crop_scale": values})


ZOOMED = replace(PLAIN, smallest_zoom=0.5, batch_size=4)


def test_all_images_of_a_step_share_their_zoom_and_steps_differ():
    zooms = [zoom_of_step(ZOOMED, 0, number) for number in range(400)]
    assert all(zooms[n] == zooms[n - n % 4] for n in range(400))
    assert len(set(zooms)) == 100 and zooms[0] != zoom_of_step(ZOOMED, 1, 0)
    for factors in zip(*zooms, strict=True):
        assert 0.5 <= min(factors) < 0.55 and 0.95 < max(factors) <= 1
    assert any(abs(down - across) > 0.2 for down, across in zooms)
    assert zoom_of_step(PLAIN, 0, 3) == (1, 1)


@pytest.mark.parametrize("resize", [0, 16])
def test_a_zoomed_crop_is_a_crop_of_the_shrunk_image(resize):
    """Neighbouring pixels of the crop are as far apart as in the image that is shrunk first."""
    config, zoom = replace(ZOOMED, resize=resize), (0.5, 0.8)
    places = set()
    for seed in range(20):
        (x,) = augment([ramp()], config, generator(seed), lambda: [], zoom)
        assert x.shape == (3, 8, 8)
        levels = (x + 1) * 127.5
        scale = 32 / resize if resize else 1
        rows, columns = levels[0].diff(dim=0)[1:-1].mean(), levels[1].diff(dim=1)[:, 1:-1].mean()
        assert rows / 4 == pytest.approx(scale / zoom[0], rel=0.1)
        assert columns / 4 == pytest.approx(scale / zoom[1], rel=0.1)
        places.add((int(levels[0, 0, 0]), int(levels[1, 0, 0])))
    assert len(places) > 10


def test_a_zoomed_image_is_never_smaller_than_the_crop():
    (x,) = augment([ramp(10, 9)], ZOOMED, generator(), lambda: [], (0.5, 0.5))
    assert x.shape == (3, 8, 8)
    assert zoomed_box(10, 9, ZOOMED, (0.5, 0.5), generator()) == (0, 0, 10, 9)


def test_a_zoom_to_nothing_is_refused():
    with pytest.raises(ValueError, match="smallest_zoom must be above 0"):
        build(Config, {"smallest_zoom": 0})
