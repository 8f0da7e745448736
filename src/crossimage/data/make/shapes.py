"""Random shapes of the synthetic data set, as curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Random = np.random.Generator


@dataclass
class Shape:
    """A shape around the origin, about two units wide.

    Attributes:
        parts: Closed curves (N, 2) that are filled and outlined, from back to front.
        lines: Open curves (N, 2) drawn on top.
        hole: A closed curve through which the background shows.
    """

    parts: list[Points]
    lines: list[Points] = field(default_factory=list)
    hole: Points | None = None


def _circle(width: float, height: float, steps: int = 60) -> Points:
    angles = np.arange(steps) * (2 * np.pi / steps)
    return np.stack([width * np.cos(angles), height * np.sin(angles)], 1)


def _arc(width: float, height: float, first: float, last: float) -> Points:
    angles = np.linspace(first, last, 25) * np.pi
    return np.stack([width * np.cos(angles), height * np.sin(angles)], 1)


def _smooth(points: Points, rounds: int = 3) -> Points:
    """Smooth a closed curve by repeatedly cutting its corners."""
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
    rounded = _smooth(np.repeat(corners, 2, 0))
    spokes = [np.stack([middle, c]) for c in corners] if rng.uniform() < 0.3 else []
    return Shape([corners if spokes else rounded], spokes)


def _star(rng: Random) -> Shape:
    points = int(rng.integers(4, 9))
    radius = np.where(np.arange(2 * points) % 2, rng.uniform(0.38, 0.62), 1.0)
    curve = _circle(1, 1, 2 * points) * radius[:, None]
    centre = [_circle(0.22, 0.22)] if rng.uniform() < 0.4 else []
    return Shape([curve if rng.uniform() < 0.6 else _smooth(curve)], centre)


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
        (-0.95, shaft), (-0.95, shaft), (-0.3, shaft), (-0.3, shaft), (-0.2, -0.15),
        (0.3, toe - 0.1), (0.85, toe), (1.0, 0.35), (1.0, 0.5), (1.0, 0.5), (-1.0, 0.5),
        (-1.0, 0.5), (-0.88, 0.0),
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


KINDS: list[tuple[Callable[[Random], Shape], float]] = [
    (kind, np.pi) for kind in (_ellipse, _rectangle, _polygon, _star, _blob, _flower, _leaf)
]
"""Makers of random shapes, each with its largest rotation in radians."""

# things that have a top and a bottom are only tilted
KINDS += [(kind, 0.35) for kind in (_mug, _shoe, _house, _bag, _fish)]
