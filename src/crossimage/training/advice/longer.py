"""How to train a finished run for longer."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossimage.training.result import TrainingResult


def extension(result: TrainingResult) -> dict[str, int]:
    """Return the setting that makes a run that has ended go on.

    It is empty if a new run must start from its weights instead: its learning rate has fallen to
    zero, or its schedule was made for this length.

    Args:
        result: The run.
    """
    config = result.config
    if result.stopped_early:
        return {"patience": 2 * config.patience}
    if config.decay_steps or result.fitted:
        return {}
    return {"steps": 2 * config.steps}


def next_folder(run: Path) -> Path:
    """Return the folder of a new run that starts from the weights of ``run``: ``RUN-2``, ..."""
    folders = (run.with_name(f"{run.name}-{number}") for number in count(2))
    return next(folder for folder in folders if not folder.exists())
