"""Blurred, noisy and reduced versions of photos, from which a method learns to restore them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]


def blurred(photo: Pixels, _: np.random.Generator, *, blur_px: float = 2.0) -> Pixels:
    """Return a photo (H, W, 3) under a Gaussian blur.

    Args:
        photo: The photo.
        blur_px: Standard deviation of the blur in pixels, above 0.

    Raises:
        ValueError: ``blur_px`` is not a positive number.
    """
    if not 0 < blur_px < float("inf"):
        raise ValueError(f"blur-px must be a number of pixels above 0, found {blur_px:g}")
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(blur_px)))


def noisy(photo: Pixels, rng: np.random.Generator, *, noise_levels: float = 25.0) -> Pixels:
    """Return a photo (H, W, 3) with Gaussian noise, independent at each pixel and channel.

    Args:
        photo: The photo.
        rng: Source of the noise.
        noise_levels: Standard deviation of the noise in levels, of which there are 255; above 0.

    Raises:
        ValueError: ``noise_levels`` is not a positive number.
    """
    if not 0 < noise_levels < float("inf"):
        raise ValueError(f"noise-levels must be a number of levels above 0, found {noise_levels:g}")
    noise = rng.normal(0, noise_levels, photo.shape)
    return np.round(photo + noise).clip(0, 255).astype(np.uint8)


def reduced(photo: Pixels, _: np.random.Generator, *, factor: float = 4.0) -> Pixels:
    """Return a photo (H, W, 3) reduced by a factor and enlarged again, with a cubic kernel.

    Args:
        photo: The photo.
        factor: How many times smaller its sides become, above 1.

    Raises:
        ValueError: ``factor`` is not above 1.
    """
    if not 1 < factor < float("inf"):
        raise ValueError(f"factor must be above 1, such as 4, found {factor:g}")
    height, width = photo.shape[:2]
    small = max(1, round(width / factor)), max(1, round(height / factor))
    image = Image.fromarray(photo).resize(small, Image.Resampling.BICUBIC)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
