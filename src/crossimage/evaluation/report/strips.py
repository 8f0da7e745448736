"""Strips of thumbnails: inputs with their outputs, ready for the report's page."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from crossimage.utils.writing.pictures import data_url

SHOWN = 6
"""Maximum number of strips in a block."""

_MAX_HEIGHT = 128  # pixels of a thumbnail
_MAX_OUTPUTS = 10  # shown per input


@dataclass(frozen=True)
class Thumbnail:
    """A small image.

    Attributes:
        url: The image itself, as a ``data:`` URL.
        kind: ``input``, ``output`` or ``real``.
    """

    url: str
    kind: str


@dataclass(frozen=True)
class Strip:
    """An input with outputs.

    Attributes:
        caption: What it shows, such as the input's name and a distance.
        images: The thumbnails in order.
    """

    caption: str
    images: list[Thumbnail]


@dataclass
class Block:
    """Strips that belong together, under a title.

    Attributes:
        title: What they have in common.
        strips: The strips.
    """

    title: str
    strips: list[Strip] = field(default_factory=list)


class Extremes:
    """Keeps the strips of the lowest and of the highest values."""

    def __init__(self) -> None:
        self._low: list[tuple[float, int, Strip]] = []
        self._high: list[tuple[float, int, Strip]] = []
        self._number = count(0, -1)  # of equal values the first is kept

    def add(self, value: float, make: Callable[[], Strip]) -> None:
        """Keep a strip if its value is among the lowest or highest; otherwise it is not made."""
        wanted = [
            (kept, sign * value)
            for kept, sign in ((self._low, -1), (self._high, 1))
            if len(kept) < SHOWN or sign * value > kept[0][0]
        ]
        if not wanted:
            return
        made, number = make(), next(self._number)
        for kept, key in wanted:
            push = heapq.heappush if len(kept) < SHOWN else heapq.heappushpop
            push(kept, (key, number, made))

    def blocks(self, lowest: str, highest: str) -> list[Block]:
        """Return the lowest and the highest under these titles, the most extreme first."""
        return [
            Block(title, [made for _, _, made in sorted(kept, key=lambda e: e[:2], reverse=True)])
            for title, kept in ((lowest, self._low), (highest, self._high))
        ]


def thumbnail(x: Tensor, kind: str) -> Thumbnail:
    """Return an image (3, H, W) of uint8 as WebP, at most 128 pixels high."""
    height, width = x.shape[1:]
    if height > _MAX_HEIGHT:
        size = [_MAX_HEIGHT, max(1, round(width * _MAX_HEIGHT / height))]
        x = transforms.resize(x, size, antialias=True)
    image = Image.fromarray(x.permute(1, 2, 0).contiguous().cpu().numpy())
    return Thumbnail(data_url(image, "WEBP", quality=88), kind)


def strip(
    caption: str, image: Tensor | None, outputs: Sequence[Tensor] | Tensor, target: Tensor | None
) -> Strip:
    """Return an input, its first outputs and its target as thumbnails."""
    images = [] if image is None else [thumbnail(image, "input")]
    images += [thumbnail(output, "output") for output in outputs[:_MAX_OUTPUTS]]
    if target is not None:
        images.append(thumbnail(target, "real"))
    return Strip(caption, images)
