"""Pictures of an evaluation, small and ready for its page."""

from __future__ import annotations

import base64
import heapq
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

SHOWN = 6
"""Strips in a block."""

_HIGHEST = 128  # pixels of a thumbnail
_MOST = 10  # answers shown of one input


@dataclass(frozen=True)
class Thumbnail:
    """One small picture.

    Attributes:
        address: The picture itself, as a ``data:`` address.
        kind: ``input``, ``answer`` or ``real``.
    """

    address: str
    kind: str


@dataclass(frozen=True)
class Strip:
    """An input with answers.

    Attributes:
        caption: What it shows, such as the input's name and a distance.
        pictures: The thumbnails in their order.
    """

    caption: str
    pictures: list[Thumbnail]


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
    """The strips of the lowest and of the highest values that were seen."""

    def __init__(self) -> None:
        self._low: list[tuple[float, int, Strip]] = []
        self._high: list[tuple[float, int, Strip]] = []
        self._number = count(0, -1)  # of equal values the first is kept

    def add(self, value: float, make: Callable[[], Strip]) -> None:
        """Keep a strip where its value is among the lowest or highest; else it is not made."""
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
        """The lowest and the highest, each from its end on, under these titles."""
        return [
            Block(title, [made for _, _, made in sorted(kept, key=lambda e: e[:2], reverse=True)])
            for title, kept in ((lowest, self._low), (highest, self._high))
        ]


def thumbnail(picture: Tensor, kind: str) -> Thumbnail:
    """A picture (3, H, W) of uint8 at most 128 pixels high, as WebP."""
    height, width = picture.shape[1:]
    if height > _HIGHEST:
        size = [_HIGHEST, max(1, round(width * _HIGHEST / height))]
        picture = transforms.resize(picture, size, antialias=True)
    data = io.BytesIO()
    image = Image.fromarray(picture.permute(1, 2, 0).contiguous().cpu().numpy())
    image.save(data, "WEBP", quality=88)
    text = base64.b64encode(data.getvalue()).decode("ascii")
    return Thumbnail(f"data:image/webp;base64,{text}", kind)


def strip(
    caption: str, picture: Tensor | None, answers: Sequence[Tensor] | Tensor, real: Tensor | None
) -> Strip:
    """An input, its answers and its target as thumbnails; of many answers the first ones."""
    pictures = [] if picture is None else [thumbnail(picture, "input")]
    pictures += [thumbnail(answer, "answer") for answer in answers[:_MOST]]
    if real is not None:
        pictures.append(thumbnail(real, "real"))
    return Strip(caption, pictures)
