"""How the model of a run is used, from the command line and from Python."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossimage.training.result import TrainingResult


@dataclass(frozen=True)
class UsageHint:
    """How to use the model of a run.

    Attributes:
        run: The run's folder.
        targets: What the model translates to; empty if it makes images from noise.
        few_shot: Whether reference images describe the target.
    """

    run: Path
    targets: tuple[str, ...]
    few_shot: bool

    @classmethod
    def of(cls, result: TrainingResult) -> UsageHint:
        """Return how to use the model of a run that has ended."""
        return cls(result.run, result.targets, result.few_shot)

    @property
    def task(self) -> str:
        """What the model is for."""
        return "translate images" if self.targets else "make images"

    @property
    def command(self) -> str:
        """The command, in which ``IMAGES``, ``CLASS`` and ``DIR`` stand for paths."""
        if not self.targets:
            words = ["sample", str(self.run)]
        else:
            words = ["translate", str(self.run), "IMAGES"]
            words += ["--reference", "CLASS"] if self.few_shot else ["--to", self.targets[-1]]
        return f"{shlex.join(['crossimage', *words])} --out DIR"

    @property
    def call(self) -> str:
        """The same in Python."""
        load = f"crossimage.load({str(self.run)!r})"
        if not self.targets:
            return f"{load}.sample_files(16, 'DIR')"
        target = "reference='CLASS'" if self.few_shot else f"to={self.targets[-1]!r}"
        return f"{load}.translate_files('IMAGES', 'DIR', {target})"
