"""PSNR and SSIM of images beside the true ones, as the literature of super-resolution has them."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from crossimage.utils.intensities import to_uint8

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
    ratio: Tensor = peak_signal_noise_ratio(
        found, expected, data_range=255.0, reduction="none", dim=(1, 2, 3)
    )
    return ratio


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
    # The library's own mean counts windows that reach beyond the image, into its reflection.
    _, similarity = structural_similarity_index_measure(
        found, expected, sigma=1.5, data_range=255.0, reduction="none", return_full_image=True
    )
    inside = slice(_WINDOW // 2, -(_WINDOW // 2))
    return similarity[:, :, inside, inside].mean((1, 2, 3))


def l1(x: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference of all channels, from 0 to 1.

    Args:
        x: Images (N, C, H, W) in [-1, 1]; rounded to 8 bits, as files are.
        truth: The true images, of the same shape.

    Returns:
        One number an image, (N,).

    Raises:
        ValueError: The shapes differ.
    """
    found, expected = _prepared(x, truth, 0, colour=True)
    return (found - expected).abs().mean((1, 2, 3)) / 255


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
        levels = to_uint8(images.double()).double()
        levels = levels if colour else luma(levels)
        both.append(levels[:, :, border : height - border, border : width - border])
    return both[0], both[1]
