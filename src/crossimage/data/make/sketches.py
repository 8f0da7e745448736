"""Line drawings of photos, and sketches of random strokes, for learning from sketches."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from crossimage.data.make.made import MadeDataset
from crossimage.utils.files import new_folder
from crossimage.utils.writing.pictures import save_png

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Values = NDArray[np.float64]

_SIDE = 256  # shorter side, in pixels, at which edges are found
_SIGMA = 1.5  # of the blur before, in pixels
_SHARE = 0.08  # of the pixels that may begin an edge
_WEAKEST = 0.04  # gradient of an edge's strongest pixel, with values from 0 to 1 per pixel
_LOW = 0.4  # of the strength at which an edge begins, at which it ends
_SPECK = 16  # edges of fewer pixels are dropped
_SCALE = 3  # strokes are drawn this much larger and reduced, for smooth edges


def to_sketch(photo: Pixels, _: np.random.Generator) -> Pixels:
    """Return the edges (H, W) of a photo (H, W, 3), black on white and thin.

    The detector is that of Canny (1986): gradients of the blurred lightness, thinned to their
    ridges, and followed from strong to weaker ones. Large photos are reduced for it, so that their
    strokes are as wide in proportion as those of small ones.
    """
    height, width = photo.shape[:2]
    factor = min(1.0, _SIDE / min(height, width))
    small = max(1, round(width * factor)), max(1, round(height * factor))
    gray = Image.fromarray(photo).convert("L").resize(small, Image.Resampling.BOX)
    edges = _edges(np.asarray(gray) / 255)
    drawn = Image.fromarray(np.where(edges, 0, 255).astype(np.uint8))
    return np.asarray(drawn.resize((width, height), Image.Resampling.NEAREST))


def _edges(gray: Values) -> Mask:
    """Return where the edges of an image (H, W) in [0, 1] are."""
    taps = np.exp(-0.5 * (np.arange(-4, 5) / _SIGMA) ** 2)
    for axis in (0, 1):
        padded = np.pad(gray, [(4, 4) if i == axis else (0, 0) for i in (0, 1)], "edge")
        parts = np.lib.stride_tricks.sliding_window_view(padded, 9, axis)
        gray = parts @ (taps / taps.sum())
    padded = np.pad(gray, 1, "edge")
    down = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    right = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    strength = np.hypot(down, right)
    strength = np.where(ridges(strength, down, right), strength, 0)
    begin = max(_WEAKEST, float(np.quantile(strength, 1 - _SHARE)))
    labels = _components(strength >= _LOW * begin)
    sizes = np.bincount(labels.ravel())
    strong = np.zeros(len(sizes), bool)
    strong[labels[strength >= begin]] = True
    kept: Mask = (strong & (sizes >= _SPECK) & (np.arange(len(sizes)) > 0))[labels]
    return kept


def ridges(strength: Values, down: Values, right: Values) -> Mask:
    """Return where gradients are not weaker than those before and behind them."""
    direction = np.round(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(strength, 1)
    height, width = strength.shape
    kept = np.zeros(strength.shape, bool)
    for number, (y, x) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        before = padded[1 - y : 1 - y + height, 1 - x : 1 - x + width]
        behind = padded[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        kept |= (direction == number) & (strength >= before) & (strength > behind)
    return kept


def _components(mask: Mask) -> NDArray[np.int64]:
    """Return a number (H, W) from 1 on of each connected part of a mask, diagonals included."""
    height, width = mask.shape
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(labels, 1)
        around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        grown = np.where(mask, np.max(around, 0), 0)
        # a number is a pixel's, which may have found a larger one itself
        grown = np.concatenate([[0], grown.ravel()])[grown]
        if (grown == labels).all():
            return labels
        labels = grown


def make_noise_sketches(
    out: Path, *, seed: int = 0, count: int = 400, size: int = 256
) -> MadeDataset:
    """Write sketches of two to six random strokes into one folder.

    The same seed results in the same images.

    Args:
        out: The folder to create; removed after an error.
        seed: Seed of all strokes.
        count: Number of sketches.
        size: Height and width in pixels.

    Returns:
        What was written, and a command that uses it.

    Raises:
        ValueError: ``out`` exists and is not empty, or a number is too small.
    """
    if count < 1 or size < 16:
        raise ValueError(
            f"expected a count of at least 1 and a size of at least 16, found {count} and {size}"
        )
    with new_folder(out) as parent:
        for number in range(count):
            rng = np.random.default_rng((seed, number))
            side = size * _SCALE
            image = Image.new("L", (side, side), 255)
            draw = ImageDraw.Draw(image)
            for _ in range(int(rng.integers(2, 7))):
                points = (_stroke(rng) * side).round().astype(int)
                draw.line([(int(x), int(y)) for x, y in points], 0, _SCALE * max(1, size // 128))
            image = image.resize((size, size), Image.Resampling.BOX)
            save_png(image, parent / f"{number:05}.png")
    words = ["train", "sketch_to_photo/edges2shoes", "--data", "DIR", f"noise_sketches={out}"]
    return MadeDataset(f"{count} sketches of {size} px", shlex.join(["crossimage", *words]))


def _stroke(rng: np.random.Generator) -> Values:
    """Return the points (N, 2) of a stroke, which winds from a random place on, in [0, 1]."""
    steps = int(rng.integers(20, 60))
    turns = rng.normal(0, 0.15) + rng.normal(0, 0.12, steps)
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(turns)
    moves = 0.015 * np.stack([np.cos(angles), np.sin(angles)], 1)
    points: Values = rng.uniform(0.1, 0.9, 2) + np.cumsum(moves, 0)
    return points
