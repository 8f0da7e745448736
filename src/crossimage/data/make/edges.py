"""Edges of photos: thin dark lines on white, as in the data sets edges2shoes and edges2handbags."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SIDE = 256
"""Shorter side, in pixels, for which the blur and the smallest edge are stated."""

_BLUR = 2.0  # standard deviation before gradients are taken, in pixels
_SHARPEST = 0.8  # the same at small sizes, at least
_BUSY = 0.9  # quantile of the gradient at which an edge begins, if within these limits:
_FAINTEST, _STRONGEST = 55.0, 100.0  # of Sobel's kernel, which sums 8 differences of levels
_LOW = 0.4  # of the gradient at which an edge begins, at which it ends
_SPECK = 24  # connected edges of fewer pixels are dropped


def opencv() -> Any:
    """Return the package OpenCV, confined to the calling thread.

    Raises:
        ValueError: It is not installed.
    """
    if find_spec("cv2") is None:
        raise ValueError(
            "edges need the package OpenCV; run `pip install 'crossimage[make]'`, or use the maker "
            "`sketches`, which needs none"
        )
    import cv2

    cv2.setNumThreads(1)  # photos are spread over threads already
    return cv2


def to_edges(photo: Pixels, _: np.random.Generator) -> Pixels:
    """Return the edges (H, W) of a photo (H, W, 3), black on white and one pixel wide.

    The detector is that of Canny (1986), on the channel with the strongest gradient at each pixel.
    The gradient at which an edge begins follows the photo's own, within limits, so that flat photos
    keep their outlines and busy ones do not become black. Specks are removed.

    Raises:
        ValueError: OpenCV is not installed.
    """
    cv2 = opencv()
    scale = min(photo.shape[:2]) / SIDE
    blur = max(_SHARPEST, _BLUR * scale)
    smooth = cv2.GaussianBlur(photo, (0, 0), blur, borderType=cv2.BORDER_REPLICATE)
    right = cv2.Sobel(smooth, cv2.CV_16S, 1, 0, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(smooth, cv2.CV_16S, 0, 1, borderType=cv2.BORDER_REPLICATE)
    # a blur in proportion leaves gradients in inverse proportion to the size
    strength = np.hypot(right.astype(np.float32), down.astype(np.float32))
    channel = strength.argmax(2)[..., None]
    strength = strength.max(2)
    faintest, strongest = _FAINTEST * _BLUR / blur, _STRONGEST * _BLUR / blur
    begin = float(np.clip(np.quantile(strength, _BUSY), faintest, strongest))
    found = cv2.Canny(
        *(np.take_along_axis(part, channel, 2)[..., 0].copy() for part in (right, down)),
        _LOW * begin, begin, L2gradient=True,
    )  # fmt: skip
    return drawn(without_specks(found > 0, scale))


def without_specks(edges: Mask, scale: float) -> Mask:
    """Return edges (H, W) without connected parts of few pixels.

    Args:
        edges: Where the edges are.
        scale: Size of the image relative to that of :data:`SIDE`.
    """
    cv2 = opencv()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(edges.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= max(4, _SPECK * min(1.0, scale))
    large[0] = False  # the background
    kept: Mask = large[labels]
    return kept


def drawn(edges: Mask) -> Pixels:
    """Return edges (H, W) as an image, black on white."""
    return np.where(edges, 0, 255).astype(np.uint8)
