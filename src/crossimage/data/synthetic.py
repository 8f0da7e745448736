"""A synthetic data set: outlines of random shapes, and other shapes full of colour and texture.

The content of a picture is the shape, the style its colour and texture, so that a translation
between the domains is easy to judge by eye.
"""

from __future__ import annotations

import colorsys
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.float64]
Random = np.random.Generator

_SCALE = 3  # pictures are drawn this much larger and reduced, for smooth edges


@dataclass
class Shape:
    """A shape around the origin, about two units wide.

    Attributes:
        parts: Closed curves (N, 2) that are filled and outlined, the hindmost first.
        lines: Open curves (N, 2) drawn on top.
        hole: A closed curve through which the background shows.
    """

    parts: list[Points]
    lines: list[Points] = field(default_factory=list)
    hole: Points | None = None


def make_outlines(
    out: Path, *, seed: int = 0, count: int = 400, test_count: int = 20, size: int = 64
) -> None:
    """Write the folders trainA, trainB, testA and testB.

    A holds black outlines on white, B shapes of the same kinds in one colour and texture each. No
    shape appears twice. The same seed gives the same pictures.

    Args:
        out: The folder to make; complete or not there.
        seed: Seed of all shapes and styles.
        count: Training images of a domain.
        test_count: Test images of a domain.
        size: Height and width in pixels.

    Raises:
        ValueError: ``out`` exists and is not empty, or a number makes no sense.
    """
    if count < 1 or test_count < 1 or size < 16:
        raise ValueError(
            f"expected count and test_count from 1 and size from 16 on, found {count}, "
            f"{test_count}, {size}"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists and is not empty; remove it or choose another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    out = out.resolve()
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        for index, folder in enumerate(("trainA", "trainB", "testA", "testB")):
            (temporary / folder).mkdir(parents=True)
            draw = _outline if folder.endswith("A") else _filled
            for number in range(count if folder.startswith("train") else test_count):
                rng = np.random.default_rng([seed, index, number])
                draw(rng, size).save(temporary / folder / f"{number:05d}.png")
        os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


MAKERS = {"outlines": make_outlines}


def _outline(rng: Random, size: int) -> Image.Image:
    shape = _placed(rng, size * _SCALE)
    canvas = Image.new("L", (size * _SCALE, size * _SCALE), 255)
    _draw(canvas, shape, fill=255, ink=0)
    return canvas.resize((size, size), Image.Resampling.BOX).convert("RGB")


def _filled(rng: Random, size: int) -> Image.Image:
    side = size * _SCALE
    shape = _placed(rng, side)
    inside, ink = Image.new("L", (side, side), 0), Image.new("L", (side, side), 0)
    _draw(inside, shape, fill=255, ink=255)
    _draw(ink, shape, fill=0, ink=255)
    hue = rng.uniform()
    colour = np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 1), rng.uniform(0.55, 1)))
    texture = _texture(rng, colour, side)
    mask, lines = (np.asarray(image, np.float64)[..., None] / 255 for image in (inside, ink))
    pixels = 1 - mask + mask * texture
    pixels = pixels * (1 - lines) + lines * colour * 0.22
    picture = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    return picture.resize((size, size), Image.Resampling.BOX)


def _draw(canvas: Image.Image, shape: Shape, fill: int, ink: int) -> None:
    width = max(2, round(canvas.width / 42))
    draw = ImageDraw.Draw(canvas)
    for part in shape.parts:
        draw.polygon([tuple(p) for p in part.tolist()], fill=fill)
        _stroke(draw, np.concatenate([part, part[:1]]), ink, width)
    if shape.hole is not None:
        background = 255 if fill == 255 and ink == 0 else 0
        draw.polygon([tuple(p) for p in shape.hole.tolist()], fill=background)
        _stroke(draw, np.concatenate([shape.hole, shape.hole[:1]]), ink, width)
    for line in shape.lines:
        _stroke(draw, line, ink, width)


def _stroke(draw: ImageDraw.ImageDraw, line: Points, ink: int, width: int) -> None:
    points = [tuple(p) for p in line.tolist()]
    draw.line(points, fill=ink, width=width, joint="curve")
    for x, y in (points[0], points[-1]):
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=ink)


def _placed(rng: Random, side: int) -> Shape:
    """A random shape, turned, scaled and moved to lie on a canvas."""
    kind, turn = _KINDS[rng.integers(len(_KINDS))]
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
        moved: Points = (points @ rotation.T - (low + high) / 2) * scale + shift
        return moved

    return Shape(
        [move(part) for part in shape.parts],
        [move(line) for line in shape.lines],
        None if shape.hole is None else move(shape.hole),
    )


# Textures: float arrays (side, side, 3) in [0, 1].


def _texture(rng: Random, colour: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    y, x = np.mgrid[0:side, 0:side] / side
    angle = rng.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    pitch = rng.uniform(0.09, 0.17)
    kind = rng.choice(["plain", "stripes", "dots", "checks", "gradient"])
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
    shaded: NDArray[np.float64] = np.clip(mixed * (1.12 - 0.42 * distance)[..., None], 0, 1)
    return shaded


# Kinds of shapes.


def _circle(width: float, height: float, steps: int = 60) -> Points:
    angles = np.arange(steps) * (2 * np.pi / steps)
    return np.stack([width * np.cos(angles), height * np.sin(angles)], 1)


def _arc(width: float, height: float, first: float, last: float) -> Points:
    angles = np.linspace(first, last, 25) * np.pi
    return np.stack([width * np.cos(angles), height * np.sin(angles)], 1)


def _smooth(points: Points, rounds: int = 3) -> Points:
    """Cut the corners of a closed curve again and again."""
    for _ in range(rounds):
        after = np.roll(points, -1, 0)
        pair = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], 1)
        points = pair.reshape(-1, 2)
    return points


def _array(*points: tuple[float, float]) -> Points:
    return np.array(points, np.float64)


def _ellipse(rng: Random) -> Shape:
    outer = _circle(1, rng.uniform(0.5, 1))
    if rng.uniform() < 0.4:
        return Shape([outer], hole=outer * rng.uniform(0.35, 0.5))
    return Shape([outer], [outer * rng.uniform(0.4, 0.75)] if rng.uniform() < 0.4 else [])


def _rectangle(rng: Random) -> Shape:
    height = rng.uniform(0.5, 1)
    corners = _array((-1, -height), (1, -height), (1, height), (-1, height))
    at = rng.uniform(-0.5, 0.5) * height
    lines = [_array((-1, at), (1, at))] if rng.uniform() < 0.5 else []
    return Shape([corners], lines)


def _polygon(rng: Random) -> Shape:
    sides = int(rng.integers(3, 8))
    angles = (np.arange(sides) + rng.uniform(-0.22, 0.22, sides)) * (2 * np.pi / sides)
    corners = np.stack([np.cos(angles), np.sin(angles)], 1)
    middle = corners.mean(0)
    rounded = _smooth(np.repeat(corners, 2, 0) * 0.999, 3)
    spokes = [np.stack([middle, c]) for c in corners] if rng.uniform() < 0.3 else []
    return Shape([corners if spokes else rounded], spokes)


def _star(rng: Random) -> Shape:
    points = int(rng.integers(4, 9))
    radius = np.where(np.arange(2 * points) % 2, rng.uniform(0.38, 0.62), 1.0)
    curve = _circle(1, 1, 2 * points) * radius[:, None]
    centre = [_circle(0.22, 0.22)] if rng.uniform() < 0.4 else []
    return Shape([curve if rng.uniform() < 0.6 else _smooth(curve)], [*centre])


def _blob(rng: Random) -> Shape:
    angles = np.arange(90) * (2 * np.pi / 90)
    radius = np.ones(90)
    for wave in (2, 3, 4, 5):
        radius += rng.uniform(0, 0.42 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    return Shape([_circle(1, 1, 90) * radius[:, None]])


def _flower(rng: Random) -> Shape:
    petals = int(rng.integers(5, 8))
    angles = np.arange(120) * (2 * np.pi / 120)
    radius = 0.72 + 0.28 * np.abs(np.cos(angles * petals / 2))
    centre = rng.uniform(0.22, 0.34)
    return Shape([_circle(1, 1, 120) * radius[:, None], _circle(centre, centre)])


def _mug(rng: Random) -> Shape:
    height, taper, rim = rng.uniform(0.7, 1.05), rng.uniform(0.75, 1), rng.uniform(0.1, 0.2)
    top, bottom = _arc(0.75, rim, 0, 1), _arc(0.75 * taper, rim * 0.8, 1, 0)
    body = np.concatenate([_arc(0.75, rim, 2, 1) - [0, height], bottom + [0, height]])
    grip = rng.uniform(0.4, 0.6)
    angles = np.linspace(-0.55, 0.55, 25) * np.pi
    outer = np.stack([0.5 * np.cos(angles), grip * np.sin(angles)], 1)
    handle = np.concatenate([outer, outer[::-1] * 0.6]) + [0.7, 0]
    return Shape([handle, body], [top - [0, height]])


def _shoe(rng: Random) -> Shape:
    shaft, toe, heel = rng.uniform(-1.0, -0.35), rng.uniform(0.05, 0.25), rng.uniform(0.0, 0.3)
    upper = _array(
        (-0.95, shaft), (-0.95, shaft), (-0.3, shaft), (-0.3, shaft), (-0.2, -0.15), (0.3, toe - 0.1),
        (0.85, toe), (1.0, 0.35), (1.0, 0.5), (1.0, 0.5), (-1.0, 0.5), (-1.0, 0.5), (-0.88, 0.0),
    )  # fmt: skip
    sole = _array(
        (-1.02, 0.42), (1.05, 0.42), (1.02, 0.6), (-0.35, 0.62), (-0.4, 0.62 + heel),
        (-0.98, 0.62 + heel),
    )  # fmt: skip
    steps = int(rng.integers(2, 5))
    laces = []
    for step in range(steps):
        x = -0.2 + 0.55 * step / steps
        y = -0.12 + (toe + 0.02) * step / steps
        laces.append(_array((x - 0.02, y + 0.02), (x - 0.22, y + 0.22)))
    return Shape([_smooth(upper), sole], laces)


def _house(rng: Random) -> Shape:
    height, roof, eaves = rng.uniform(0.4, 0.75), rng.uniform(0.45, 0.8), rng.uniform(0.05, 0.2)
    walls = _array((-0.85, -height), (0.85, -height), (0.85, height), (-0.85, height))
    gable = _array((-0.85 - eaves, -height), (rng.uniform(-0.3, 0.3), -height - roof),
                   (0.85 + eaves, -height))  # fmt: skip
    x = rng.uniform(-0.55, -0.2)
    door = _array((x, height), (x, 0.0), (x + 0.35, 0.0), (x + 0.35, height))
    window = _array((0.3, -0.1), (0.3, -0.1 - 0.3), (0.62, -0.4), (0.62, -0.1), (0.3, -0.1))
    return Shape([walls, gable], [door, window])


def _bag(rng: Random) -> Shape:
    height, narrow = rng.uniform(0.5, 0.85), rng.uniform(0.6, 0.95)
    body = _array((-narrow, -height), (narrow, -height), (1, height), (-1, height))
    reach = rng.uniform(0.35, 0.6)
    grip = _arc(narrow * 0.55, reach, 1, 2) - [0, height]
    flap = rng.uniform(-0.5, 0.2) * height
    closure = _array((-narrow, -height), (0, flap), (narrow, -height))
    return Shape([_smooth(np.repeat(body, 2, 0), 2)], [grip, closure])


def _fish(rng: Random) -> Shape:
    tall, tail = rng.uniform(0.4, 0.65), rng.uniform(0.3, 0.5)
    fin = _array((0.45, 0), (1.05, -tail), (0.95, 0), (1.05, tail))
    body = _circle(0.75, tall) - [0.15, 0]
    eye = _circle(0.05, 0.05, 12) + [-0.6, -0.1]
    gill = _arc(0.18, tall * 0.6, -0.4, 0.4) - [0.5, 0]
    return Shape([fin, body], [np.concatenate([eye, eye[:1]]), gill])


def _leaf(rng: Random) -> Shape:
    broad = rng.uniform(0.35, 0.6)
    t = np.linspace(0, 1, 30)
    side = broad * np.sin(np.pi * t) * (1 - 0.35 * t)
    x = 2 * t - 1
    curve = np.concatenate([np.stack([x, side], 1), np.stack([x, -side], 1)[::-1][1:-1]])
    veins = [_array((-1.25, 0), (0.75, 0))]
    for at in (-0.5, -0.1, 0.3):
        reach = broad * 0.5 * (1 - 0.35 * (at + 1) / 2)
        veins += [_array((at, 0), (at + 0.25, reach)), _array((at, 0), (at + 0.25, -reach))]
    return Shape([curve], veins)


_TURN: list[tuple[Callable[[Random], Shape], float]] = [
    (kind, np.pi) for kind in (_ellipse, _rectangle, _polygon, _star, _blob, _flower, _leaf)
]
# Things that have an up and a down are tilted only.
_KINDS = _TURN + [(kind, 0.35) for kind in (_mug, _shoe, _house, _bag, _fish)]
