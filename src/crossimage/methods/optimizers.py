"""Optimizers as data: what a method says about how a player learns; the trainer builds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015).

    Attributes:
        learning_rate: Step size before any decay.
        betas: Decay rates of the first and second moments.
        weight_decay: L2 penalty added to the gradients.
    """

    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0


@dataclass(frozen=True)
class RMSprop:
    """RMSprop (Tieleman and Hinton 2012).

    Attributes:
        learning_rate: Step size before any decay.
        alpha: Decay rate of the mean of squared gradients.
        weight_decay: L2 penalty added to the gradients.
    """

    learning_rate: float
    alpha: float = 0.99
    weight_decay: float = 0.0


Optimizer = Adam | RMSprop
