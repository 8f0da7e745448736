"""The lengths in steps of a run's schedule, and how they follow the number of steps."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, TypeVar

from crossimage.config import Config

C = TypeVar("C", bound=Config)


def lengths(config: Config) -> dict[str, int]:
    """Return all settings that are numbers of steps of the schedule, by name."""
    keys = ("steps", "decay_steps", "decay_every", *config.stages)
    return {key: getattr(config, key) for key in keys}


def starts(config: Config, first: int) -> list[int]:
    """Return ``first``, and the later steps of the run at which a stage ends."""
    ends = {getattr(config, key) for key in config.stages}
    return [first, *sorted(end for end in ends if first < end < config.steps)]


def scaled(config: C, steps: int) -> C:
    """Return a config whose run has another number of steps; all lengths keep their shares of it.

    Args:
        config: The config, with steps rather than epochs.
        steps: The number, at least one for each stage.
    """
    ratio = steps / config.steps
    every = math.ceil(config.decay_every * ratio)
    decay = min(steps, max(1, round(config.decay_steps * ratio))) if config.decay_steps else 0
    return replace(
        config, steps=steps, decay_every=every, decay_steps=decay, **_stages(config, 0, steps)
    )


def finishing(config: C, step: int, left: int) -> C:
    """Return a config whose run ends sooner: the learning rate falls linearly to 0 from now on.

    Stages that have not ended keep their shares of the rest of the run.

    Args:
        config: The config, with steps rather than epochs.
        step: Number of steps made.
        left: Number of further steps, at least one for each stage.
    """
    rate = min(1.0, (config.steps - step) / config.decay_steps) if config.decay_steps else 1.0
    return replace(
        config,
        steps=step + left,
        decay_steps=max(1, round(left / rate)),  # the decay goes on from where it is
        **_stages(config, step, left),
    )


def _stages(config: Config, step: int, left: int) -> dict[str, Any]:
    """Return the ends of the stages if ``left`` steps follow after ``step``."""
    ratio = left / (config.steps - step)
    ends: dict[str, Any] = {}
    for key in config.stages:
        end = getattr(config, key)
        if end > step:
            rest = (end - step) * ratio
            # a stage that fills the run still does, and another one is not lost
            fills = end >= config.steps
            end = step + (math.ceil(rest) if fills else min(left - 1, max(1, round(rest))))
        ends[key] = end
    return ends
