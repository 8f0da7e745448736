"""Targets: what images are translated to, as users name it and as networks take it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from crossimage.labels import Labels, To
from crossimage.methods.base import Method

EncodedTarget = str | Tensor
"""A target in the form that networks take: a domain's letter, or label vectors (N, L)."""


@dataclass(frozen=True, eq=False)
class Target:
    """What images are translated to.

    Attributes:
        to: The exact name of a domain or label, values by label, or label vectors.
        letter: Letter of the domain of outputs and references.
        source: Letter of the domain of inputs.
        labels: The labels, where networks take these.
        device: The device of the networks.
    """

    to: To
    letter: str
    source: str
    labels: Labels | None = field(repr=False)
    device: torch.device = field(repr=False)

    def encode(self, count: int) -> EncodedTarget:
        """Return the target of ``count`` images as the networks take it.

        Raises:
            ValueError: A label is unknown, or the label vectors are of another number or length.
        """
        if self.labels is None:
            return self.letter
        return self.labels.vectors(self.to, count).to(self.device)


def target_names(networks: Method) -> tuple[str, ...]:
    """Return the names of the domains, or labels, that images can be translated to."""
    if networks.labels:
        return networks.labels.names
    return tuple(networks.names[letter] for letter in networks.targets)


def select(target: EncodedTarget, rows: slice) -> EncodedTarget:
    """Return the target of some of the images of a batch."""
    return target if isinstance(target, str) else target[rows]


def repeat(target: EncodedTarget, times: int) -> EncodedTarget:
    """Return the target of a batch that is repeated as a whole."""
    return target if isinstance(target, str) else target.repeat(times, 1)
