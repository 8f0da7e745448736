"""A synthetic data set: outlines of random shapes, and shapes filled with colour and texture.

The content of an image is its shape, the style its colour and texture, so that translations between
the domains are easy to judge by eye.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from crossimage.data.make.made import MadeDataset, training_command
from crossimage.data.make.shapes import KINDS, Points, Random, Shape
from crossimage.utils.files import new_folder
from crossimage.utils.writing.pictures import save_png

TEXTURES = ("plain", "stripes", "dots", "checks", "gradient")
"""Kinds of textures."""

_SCALE = 3  # images are drawn this much larger and reduced, for smooth edges


def make_outlines(
    out: Path,
    *,
    seed: int = 0,
    count: int = 400,
    test_count: int = 20,
    size: int = 64,
    paired: bool = False,
) -> MadeDataset:
    """Write the folders trainA, trainB, testA and testB.

    A holds black outlines on white, B shapes of the same kinds, each in one colour and texture. No
    shape appears twice in a domain. The same seed results in the same images.

    Args:
        out: The folder to create; removed after an error.
        seed: Seed of all shapes and styles.
        count: Training images per domain.
        test_count: Test images per domain.
        size: Height and width in pixels.
        paired: Whether images of the same name show the same shape; otherwise no shape appears in
            both domains.

    Returns:
        What was written, and the command that trains on it.

    Raises:
        ValueError: ``out`` exists and is not empty, or a number is too small.
    """
    if count < 1 or test_count < 1 or size < 16:
        raise ValueError(
            f"expected count and test_count of at least 1 and size of at least 16, found {count}, "
            f"{test_count}, {size}"
        )
    with new_folder(out) as parent:
        for index, folder in enumerate(("trainA", "trainB", "testA", "testB")):
            (parent / folder).mkdir()
            draw = _outline if folder.endswith("A") else _object
            for number in range(count if folder.startswith("train") else test_count):
                stream = 4 + index // 2 if paired else index
                rng = np.random.default_rng([seed, stream, number])
                save_png(draw(rng, size), parent / folder / f"{number:05d}.png")
    recipe = "pix2pix/outlines" if paired else "munit/outlines"
    summary = f"{count} training and {test_count} test images per domain, {size} px"
    return MadeDataset(summary, training_command(recipe, out))


MAKERS: dict[str, Callable[..., MadeDataset]] = {
    "outlines": make_outlines,
    "outline_pairs": partial(make_outlines, paired=True),
}


class DrawnObject(NamedTuple):
    """A coloured object, and what it shows.

    Attributes:
        image: The image.
        kind: Kind of its shape, such as ``shoe``.
        hue: Its hue, from 0 to 1.
        texture: Its texture, such as ``stripes``.
    """

    image: Image.Image
    kind: str
    hue: float
    texture: str


def _outline(rng: Random, size: int) -> Image.Image:
    shape, _ = _placed(rng, size * _SCALE)
    canvas = _draw(size * _SCALE, shape, outside=255, inside=255, ink=0)
    return canvas.resize((size, size), Image.Resampling.BOX).convert("RGB")


def _object(rng: Random, size: int) -> Image.Image:
    return draw_object(rng, size).image


def draw_object(rng: Random, size: int) -> DrawnObject:
    """Draw a shape in one colour and texture, as in domain B.

    Args:
        rng: Source of all choices.
        size: Height and width of the image in pixels.
    """
    side = size * _SCALE
    shape, shape_kind = _placed(rng, side)
    inside = _draw(side, shape, outside=0, inside=255, ink=255)
    ink = _draw(side, shape, outside=0, inside=0, ink=255)
    hue = rng.uniform()
    colour = np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 1), rng.uniform(0.55, 1)))
    texture, texture_kind = _texture(rng, colour, side)
    mask, lines = (np.asarray(image, np.float64)[..., None] / 255 for image in (inside, ink))
    pixels = 1 - mask + mask * texture
    pixels = pixels * (1 - lines) + lines * colour * 0.22
    image = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    small = image.resize((size, size), Image.Resampling.BOX)
    return DrawnObject(small, shape_kind, float(hue), texture_kind)


def _draw(side: int, shape: Shape, outside: int, inside: int, ink: int) -> Image.Image:
    """Return a gray image of a shape, with one value for each of its regions."""
    width = max(2, round(side / 42))
    canvas = Image.new("L", (side, side), outside)
    draw = ImageDraw.Draw(canvas)
    areas = [(part, inside) for part in shape.parts]
    areas += [] if shape.hole is None else [(shape.hole, outside)]
    for curve, value in areas:
        draw.polygon([tuple(p) for p in curve.tolist()], fill=value)
        _stroke(draw, np.concatenate([curve, curve[:1]]), ink, width)
    for line in shape.lines:
        _stroke(draw, line, ink, width)
    return canvas


def _stroke(draw: ImageDraw.ImageDraw, line: Points, ink: int, width: int) -> None:
    points = [tuple(p) for p in line.tolist()]
    draw.line(points, fill=ink, width=width, joint="curve")
    for x, y in (points[0], points[-1]):
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=ink)


def _placed(rng: Random, side: int) -> tuple[Shape, str]:
    """Return a random shape, rotated, scaled and moved to fit the canvas, and its kind."""
    kind, turn = KINDS[rng.integers(len(KINDS))]
    shape = kind(rng)
    angle = rng.uniform(-turn, turn)
    mirror = rng.choice([-1.0, 1.0])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rotation = rotation * np.array([mirror, 1.0])
    everything = np.concatenate([*shape.parts, *shape.lines]) @ rotation.T
    low, high = everything.min(0), everything.max(0)
    scale = side * rng.uniform(0.58, 0.86) / (high - low).max()
    room = (side * 0.94 - (high - low) * scale) / 2
    shift = side / 2 + rng.uniform(-1, 1, 2) * np.maximum(room, 0)

    def move(points: Points) -> Points:
        return (points @ rotation.T - (low + high) / 2) * scale + shift

    placed = Shape(
        [move(part) for part in shape.parts],
        [move(line) for line in shape.lines],
        None if shape.hole is None else move(shape.hole),
    )
    return placed, kind.__name__.removeprefix("_")


def _texture(
    rng: Random, colour: NDArray[np.float64], side: int
) -> tuple[NDArray[np.float64], str]:
    """Return a coloured texture (side, side, 3) in [0, 1], and its kind."""
    y, x = np.mgrid[0:side, 0:side] / side
    angle = rng.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    pitch = rng.uniform(0.09, 0.17)
    kind = str(rng.choice(TEXTURES))
    amount = np.zeros((side, side))
    if kind == "stripes":
        amount = ((u / pitch) % 1 < 0.5).astype(np.float64)
    elif kind == "checks":
        amount = ((np.floor(u / pitch) + np.floor(v / pitch)) % 2).astype(np.float64)
    elif kind == "dots":
        row = np.floor(v / pitch)
        across = (u / pitch + 0.5 * (row % 2)) % 1 - 0.5
        amount = (across**2 + ((v / pitch) % 1 - 0.5) ** 2 < 0.085).astype(np.float64)
    elif kind == "gradient":
        amount = np.clip(0.5 + 1.5 * (u - u.mean()), 0, 1)
    light = colour + (1 - colour) * 0.7
    second = light if rng.uniform() < 0.65 else colour * 0.45
    mixed = colour + amount[..., None] * (second - colour)
    distance = np.hypot(x - rng.uniform(0.25, 0.6), y - rng.uniform(0.2, 0.45))
    return np.clip(mixed * (1.12 - 0.42 * distance)[..., None], 0, 1), kind
