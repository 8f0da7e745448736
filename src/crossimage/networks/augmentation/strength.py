"""The strength of augmentation, which follows how sure discriminators are of training images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

TARGET = 0.6
"""Overfitting at which the probability stays (Karras et al. 2020, section 3.2)."""

_WINDOW = 256
"""Images over which the overfitting is averaged: 4 batches of 64 in the paper."""


class Strength:
    """Probability of each augmentation, adapted during training (ADA, Karras et al. 2020).

    Discriminators that overfit give nearly all training images the scores of real ones: the mean
    sign of these scores, r_t, approaches 1. The probability rises while it is above 0.6 and falls
    while it is below. All discriminators of a method share one probability.

    Args:
        images: Images during which the probability changes by 1.
        device: Where the numbers are kept; they are never read from there.

    Attributes:
        probability: The paper's p, a scalar in [0, 1]; 0 at first.
        overfitting: Running mean of r_t, a scalar in [-1, 1]; 0 at first.
    """

    def __init__(self, images: int, device: torch.device | str) -> None:
        self.images = images
        self.probability = torch.zeros((), device=device)
        self.overfitting = torch.zeros((), device=device)

    def adapt(self, signs: Tensor, images: int) -> None:
        """Adapt to the mean sign of the scores of a step's real images, a scalar."""
        self.overfitting = self.overfitting.lerp(signs.float(), min(1.0, images / _WINDOW))
        change = (self.overfitting - TARGET).sign() * (images / self.images)
        self.probability = (self.probability + change).clamp(0, 1)

    def state(self) -> dict[str, Tensor]:
        """Return the numbers to keep in a checkpoint."""
        return {"probability": self.probability, "overfitting": self.overfitting}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what :meth:`state` returned."""
        device = self.probability.device
        self.probability = state["probability"].to(device)
        self.overfitting = state["overfitting"].to(device)
