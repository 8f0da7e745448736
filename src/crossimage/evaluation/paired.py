"""PSNR and SSIM of images beside the true ones, as the literature of super-resolution has them."""

from __future__ import annotations

import torch
from torch import Tensor

_WINDOW = 11
_LUMA = (65.481, 128.553, 24.966)  # BT.601; of colours 0 to 1 they make 16 to 235


def psnr(x: Tensor, truth: Tensor, border: int = 0, *, colour: bool = False) -> Tensor:
    """Peak signal-to-noise ratio in decibels.

    Args:
        x: Images (N, C, H, W) in [-1, 1]; rounded to 8 bits, as files are.
        truth: The true images, of the same shape.
        border: Pixels on every side that don't count; by custom as many as the images were
            enlarged by.
        colour: Take the error of all channels instead of that of the luma.

    Returns:
        One number an image, (N,).

    Raises:
        ValueError: The shapes differ, or nothing is left between the borders.
    """
    found, expected = _prepared(x, truth, border, colour)
    return 10 * (255**2 / (found - expected).square().mean((1, 2, 3))).log10()


def ssim(x: Tensor, truth: Tensor, border: int = 0, *, colour: bool = False) -> Tensor:
    """Structural similarity (Wang et al. 2004): 11x11 Gaussian window of deviation 1.5.

    The windows lie within the image; of several channels the mean is taken.

    Args:
        x: Images (N, C, H, W) in [-1, 1]; rounded to 8 bits, as files are.
        truth: The true images, of the same shape.
        border: Pixels on every side that don't count.
        colour: Take the mean over the channels instead of the luma.

    Returns:
        One number an image, (N,).

    Raises:
        ValueError: The shapes differ, or less than a window is left between the borders.
    """
    found, expected = _prepared(x, truth, border, colour)
    if min(found.shape[2:]) < _WINDOW:
        height, width = x.shape[2:]
        raise ValueError(
            f"found images of {width}x{height} pixels with a border of {border}; SSIM needs at "
            f"least {_WINDOW}x{_WINDOW} between the borders"
        )
    mean_x, mean_y = _windows(found), _windows(expected)
    variances = _windows(found**2 + expected**2) - mean_x**2 - mean_y**2
    covariance = _windows(found * expected) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * (2 * covariance + c2) / (variances + c2)).mean((1, 2, 3))


def _windows(x: Tensor) -> Tensor:
    """Gaussian means over all windows that lie within images (N, C, H, W)."""
    place = torch.arange(_WINDOW, dtype=x.dtype, device=x.device) - _WINDOW // 2
    weights = (-(place**2) / (2 * 1.5**2)).exp()
    weights = weights / weights.sum()
    for axis in (2, 3):
        x = x.unfold(axis, _WINDOW, 1) @ weights
    return x


def luma(x: Tensor) -> Tensor:
    """The channel Y (N, 1, H, W) of BT.601, 16 to 235, of images with values 0 to 255.

    It is that of MATLAB's ``rgb2ycbcr`` for 8-bit images, which rounds. Images of one channel stay
    as they are, 0 to 255.
    """
    if x.shape[1] == 1:
        return x
    weights = torch.tensor(_LUMA, dtype=x.dtype, device=x.device)[:, None, None]
    return (16 + (x / 255 * weights).sum(1, keepdim=True)).round()


def _prepared(x: Tensor, truth: Tensor, border: int, colour: bool) -> tuple[Tensor, Tensor]:
    """Both images, in the values that are compared."""
    if x.shape != truth.shape:
        raise ValueError(
            f"found images {tuple(x.shape)} and true ones {tuple(truth.shape)}; expected the same "
            "shape"
        )
    height, width = x.shape[2:]
    if min(height, width) <= 2 * border:
        raise ValueError(
            f"found images of {width}x{height} pixels; a border of {border} leaves nothing of them"
        )
    both = []
    for images in (x, truth):
        levels = ((images.double() + 1) * 127.5).round().clamp(0, 255)
        levels = levels if colour else luma(levels)
        both.append(levels[:, :, border : height - border, border : width - border])
    return both[0], both[1]
