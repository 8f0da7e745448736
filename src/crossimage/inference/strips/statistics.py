"""Statistics that norms normalise by: each image's own, those of several images, or fixed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from crossimage.inference.strips.norms import ChannelStatistics


class NormStatistics:
    """The statistics that norms normalise by: here those of each image.

    Norms have the names of their nodes in the graph of a translation, which are the same for images
    of all sizes.
    """

    def known(self, name: str) -> ChannelStatistics | None:
        """Return the statistics of a norm if they are known before its input is."""
        return None

    def measured(self, name: str, statistics: ChannelStatistics) -> ChannelStatistics:
        """Return the statistics that a norm uses, from those of its input."""
        return statistics


OWN = NormStatistics()
"""The statistics of each image."""


class Pooling(NormStatistics):
    """The statistics of all images together, as if they were one large image.

    A norm is measured after those before it use the pooled statistics.

    Attributes:
        statistics: What was measured so far (1, C), by the names of the norms.
    """

    def __init__(self) -> None:
        self.statistics: dict[str, ChannelStatistics] = {}

    def measured(self, name: str, statistics: ChannelStatistics) -> ChannelStatistics:
        """Return the statistics of all images together."""
        self.statistics[name] = pooled(statistics)
        return self.statistics[name]


@dataclass(frozen=True, eq=False)
class FixedStatistics(NormStatistics):
    """Statistics that were measured before, for one target, style and seed.

    Attributes:
        norms: The statistics (1, C) by the names of the norms.
        target: The target as networks take it: a letter, or a label vector (1, L).
        style: The style (1, style_dim); None for methods without styles.
        seed: Seed of the networks' own random numbers.
    """

    norms: Mapping[str, ChannelStatistics]
    target: str | Tensor
    style: Tensor | None
    seed: int

    def known(self, name: str) -> ChannelStatistics:
        """Return the statistics of a norm."""
        return self.norms[name]

    def check(self, target: str | Tensor, style: Tensor | None) -> None:
        """Refuse another target or style than the statistics were measured for.

        Args:
            target: A letter, or label vectors (N, L).
            style: Styles (N, style_dim).

        Raises:
            ValueError: It is another one.
        """
        for kind, given, own in (("target", target, self.target), ("style", style, self.style)):
            if isinstance(given, Tensor) and isinstance(own, Tensor):
                same = bool((given.cpu() == own.cpu()).all())
            else:
                same = given is own or given == own
            if not same:
                raise ValueError(
                    f"the statistics of norms were pooled for another {kind}; pool them again for "
                    "this one"
                )

    def tensors(self) -> dict[str, Tensor]:
        """Return the statistics as float64 tensors (3, C), for :func:`norms_from`."""
        return {
            name: torch.cat([mean, variance, torch.full_like(mean, count)])
            for name, (mean, variance, count) in self.norms.items()
        }


def norms_from(tensors: Mapping[str, Tensor]) -> dict[str, ChannelStatistics]:
    """Return the statistics that :meth:`FixedStatistics.tensors` describes, to the last bit."""
    return {
        name: ChannelStatistics(values[:1], values[1:2], int(values[2, 0]))
        for name, values in tensors.items()
    }


def pooled(statistics: ChannelStatistics) -> ChannelStatistics:
    """Return the statistics (1, C) of all images together, the same in any order of the images.

    A map of a single pixel has no statistics of its own and is normalised to 0. That stays so,
    since the layers after it were trained on nothing else.
    """
    means, variances, count = statistics
    mean = _mean(means)
    variance = _mean(variances + (means - mean).square())
    if count == 1:
        variance = torch.zeros_like(variance)
    return ChannelStatistics(mean, variance, count * len(means))


def _mean(values: Tensor) -> Tensor:
    """Return the mean (1, C) of values (N, C); sorted, they are always added in the same order."""
    return values.sort(0).values.sum(0, keepdim=True) / len(values)
