from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from crossimage.networks.strokes import distance_maps


def drawing(height: int, width: int, seed: int = 0, share: float = 0.02) -> torch.Tensor:
    """Black dots on white, of three channels, in [-1, 1]."""
    dots = np.random.default_rng(seed).random((height, width)) < share
    return torch.from_numpy(np.where(dots, -1.0, 1.0)).float().expand(1, 3, -1, -1)


def test_distances_are_those_of_scipy_in_256_levels() -> None:
    for height, width in ((64, 64), (37, 90), (5, 3)):
        x = drawing(height, width, height, 0.1)
        exact = distance_transform_edt(x[0, 0].numpy() > 0)
        levels = np.floor(exact / exact.max() * 255)
        expected = torch.from_numpy(levels / 127.5 - 1).float()
        torch.testing.assert_close(distance_maps(x)[0, 0], expected)


def test_an_image_does_not_depend_on_others_in_the_batch() -> None:
    both = torch.cat([drawing(32, 32, 1), drawing(32, 32, 2)])
    assert torch.equal(distance_maps(both)[1:], distance_maps(both[1:]))


def test_faint_strokes_count_and_specks_of_compression_do_not() -> None:
    x = torch.ones(1, 1, 9, 9)
    x[..., 4, 4] = 240 / 127.5 - 1
    x[..., 0, 0] = 252 / 127.5 - 1
    maps = distance_maps(x)[0, 0]
    assert maps[4, 4] == -1 and maps[0, 0] == 1


def test_white_strokes_on_black_are_the_same_drawing() -> None:
    x = drawing(32, 48)
    assert torch.equal(distance_maps(-x), distance_maps(x))


def test_an_image_without_strokes_is_far_from_them_everywhere() -> None:
    for value in (-1.0, 1.0):
        assert (distance_maps(torch.full((1, 3, 8, 8), value)) == 1).all()
    assert (distance_maps(torch.zeros(1, 3, 8, 8)) == -1).all()  # grey all over: one stroke
