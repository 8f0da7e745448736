"""Are outputs nearer to their own targets than to those of other inputs?"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.base import Accumulator, Setup

_SIDE = 16  # pixels of the images that are compared
_FEWEST, _MOST = 8, 500  # pairs
_CERTAIN = 2.326  # standard deviations that chance exceeds once in a hundred times


class PairCheck(Accumulator):
    """Compares small versions of the first outputs with the targets of all inputs.

    If the images are not pairs, an output is as often nearer to another's target as to its own.
    """

    def __init__(self, setup: Setup) -> None:
        self._outputs: list[Tensor] = []
        self._targets: list[Tensor] = []

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""
        if item.target is not None and len(self._outputs) < _MOST:
            self._outputs.append(_small(item.outputs[0]))
            self._targets.append(_small(item.target))

    def warning(self) -> str | None:
        """Return a sentence if outputs and targets don't seem to belong together; else None."""
        n = len(self._outputs)
        if n < _FEWEST:
            return None
        x, y = torch.stack(self._outputs), torch.stack(self._targets)
        distances = torch.cdist(x, y)
        own = distances.diagonal()[:, None]
        # of targets at equal distances, such as copies of one image, each is half nearer
        nearer = (own < distances).double() + (own == distances).double() / 2
        share = float((nearer.sum() - n / 2) / (n * (n - 1)))
        if share > 0.5 + _CERTAIN / math.sqrt(12 * n):
            return None
        return (
            f"outputs are nearer to their own target than to another's in {share:.0%} of cases, "
            "and by chance in 50%: the images are not pairs, or the outputs ignore their inputs"
        )


def _small(x: Tensor) -> Tensor:
    return transforms.resize(x, [_SIDE, _SIDE], antialias=True).double().flatten()
