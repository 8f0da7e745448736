"""The result of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from crossimage.config import Config
from crossimage.training.best.standing import BEST_MODEL, BestSoFar
from crossimage.training.loss_table import LossRow, read_rows
from crossimage.utils.sheet_files import sheet_files

if TYPE_CHECKING:
    from crossimage.inference.translator import Translator


@dataclass(frozen=True)
class TrainingResult:
    """A run that has finished, or stopped early and was saved.

    Attributes:
        run: The run's folder.
        method: The method's name.
        config: Its settings, completed by the data: domains, classes, steps.
        step: Steps made so far.
        first_step: Steps that had been made before: 0 for a new run, ``step`` for one that was
            finished already.
        targets: Domains, or labels, that the model translates to; empty if it makes images from
            noise.
        accuracies: Share of the test images that the final weights classify correctly, by domain;
            empty for methods without a classifier, and for runs that were stopped.
        stopped_by: Why the run stopped before its last step: the name of a signal such as
            ``"SIGINT"`` or ``"SIGTERM"``, or ``"on_progress"``; None if it is finished.
        warnings: What went wrong without stopping the run, such as unreadable images.
        skipped_steps: Steps with a move that was skipped, since its loss or gradients were not
            finite.
        few_shot: Whether reference images describe what the model translates to; ``targets`` are
            then the classes that it was trained with.
        fitted: Whether its number of steps was chosen to fit a time.
        standing: The best and the last figure of its evaluations, with their steps; None if it was
            not evaluated on its way.
    """

    run: Path
    method: str
    config: Config
    step: int
    first_step: int
    targets: tuple[str, ...]
    accuracies: Mapping[str, float]
    stopped_by: str | None
    warnings: tuple[str, ...]
    skipped_steps: int = 0
    few_shot: bool = False
    fitted: bool = False
    standing: BestSoFar | None = None

    @property
    def stopped_early(self) -> bool:
        """Whether the run ended before its last step since its figure did not improve any more."""
        standing = self.standing
        return bool(standing and standing.exhausted and self.step < self.config.steps)

    @property
    def best_path(self) -> Path | None:
        """The file of the best model; None if none was chosen."""
        return self.run / BEST_MODEL if self.standing and self.standing.best else None

    @property
    def model_path(self) -> Path:
        """The model file; it holds everything that is needed to translate."""
        return self.run / "model.safetensors"

    @property
    def page_path(self) -> Path:
        """The run's page: losses and sample sheets in one HTML file."""
        return self.run / "index.html"

    @property
    def samples_path(self) -> Path:
        """The folder of the sample sheets."""
        return self.run / "samples"

    @property
    def sample_sheets(self) -> tuple[Path, ...]:
        """The sample sheets, JPEG files, in the order of their steps.

        All of the newest ones are there; of older ones, a tenth apart.
        """
        return tuple(path for _, path in sheet_files(self.run))

    @cached_property
    def history(self) -> tuple[LossRow, ...]:
        """The losses over time, from the run's first step on: the rows of ``metrics.csv``."""
        return tuple(read_rows(self.run / "metrics.csv"))

    def load(self, device: str = "auto") -> Translator:
        """Load the trained model.

        Args:
            device: Where to compute: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ...

        Raises:
            FileNotFoundError: The model file is gone.
            ValueError: The device cannot be used.
        """
        from crossimage.inference.load import load

        return load(self.run, device)
