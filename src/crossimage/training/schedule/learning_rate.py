"""The decay of the learning rate over a run."""

from __future__ import annotations

from crossimage.config import Config


def decayed_learning_rate(rate: float, config: Config, step: int) -> float:
    """Return a learning rate after ``step`` steps.

    It is multiplied by ``decay_factor`` every ``decay_every`` steps, and falls linearly to 0 over
    the last ``decay_steps``.

    Args:
        rate: The rate at the beginning.
        config: The settings of the decay.
        step: Number of steps made.
    """
    c = config
    decays = step // c.decay_every if c.decay_every else 0
    left = min(1.0, (c.steps - step) / c.decay_steps) if c.decay_steps else 1.0
    return rate * c.decay_factor**decays * left
