from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from crossimage.networks.color_spaces import lab_to_rgb, rgb_to_lab


def image(*colors: Sequence[float]) -> Tensor:
    """Return an image (1, 3, 1, W) in [-1, 1] of colours in 0..255."""
    return torch.tensor(colors).T[None, :, None] / 127.5 - 1


def test_primary_colours_have_their_known_coordinates() -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (119, 119, 119)]
    known = [
        (53.24, 80.09, 67.20),
        (87.73, -86.18, 83.18),
        (32.30, 79.19, -107.86),
        (100, 0, 0),
        (0, 0, 0),
        (50.03, 0, 0),
    ]
    lab = rgb_to_lab(image(*colors))[0, :, 0].T
    torch.testing.assert_close(lab, torch.tensor(known), atol=0.02, rtol=0)


def test_there_and_back_is_the_image_itself() -> None:
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(x)), x, atol=1e-4, rtol=0)


def test_impossible_colours_are_clipped() -> None:
    lab = torch.tensor([[50.0, 110, 110], [50, -110, -110], [0, 110, -110], [100, 110, 110]])
    rgb = lab_to_rgb(lab[:, :, None, None])
    assert rgb.isfinite().all()
    assert rgb.abs().max() <= 1


def test_gradients_are_finite_at_black_and_beyond_the_range() -> None:
    x = torch.tensor([-1.0, -1.2, 1.2, 0.0])[:, None, None, None].expand(4, 3, 1, 1).clone()
    x.requires_grad_()
    rgb_to_lab(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_agrees_with_scikit_image() -> None:
    color = pytest.importorskip("skimage.color", reason="scikit-image is not installed")
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(3, 32, 32, generator=generator) * 2 - 1
    lab = torch.tensor(color.rgb2lab(((x + 1) / 2).permute(1, 2, 0).double().numpy()))
    torch.testing.assert_close(
        rgb_to_lab(x[None])[0].permute(1, 2, 0).double(), lab, atol=1e-3, rtol=0
    )
    any_lab = torch.rand(3, 32, 32, generator=generator) * 2 - 1
    any_lab = torch.stack([any_lab[0] * 50 + 50, any_lab[1] * 110, any_lab[2] * 110])
    with pytest.warns(UserWarning, match="negative Z values"):
        rgb = torch.tensor(color.lab2rgb(any_lab.permute(1, 2, 0).double().numpy()))
    torch.testing.assert_close(
        (lab_to_rgb(any_lab[None])[0].permute(1, 2, 0).double() + 1) / 2, rgb, atol=1e-4, rtol=0
    )


def test_autocast_does_not_round_colours() -> None:
    x = torch.rand(1, 3, 8, 8) * 2 - 1
    lab = rgb_to_lab(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(rgb_to_lab(x), lab)
        assert lab_to_rgb(lab).dtype == torch.float32
