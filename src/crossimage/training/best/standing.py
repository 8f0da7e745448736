"""The best model of a run so far, kept in its checkpoints and in ``RUN/validation.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from crossimage.utils.files import write_text
from crossimage.utils.texts.json_text import json_number, read_json

FILE = "validation.json"
"""The file of a run's standing."""

BEST_MODEL = "best.safetensors"
"""The file of a run's best model."""


class ModelFigure(NamedTuple):
    """The figure of a model.

    Attributes:
        step: Its step.
        value: The figure.
    """

    step: int
    value: float


@dataclass(frozen=True)
class BestSoFar:
    """The best and the last figure of a run.

    Attributes:
        figure: Name of the figure; empty before the first evaluation.
        better: Its better end.
        best: The best model; None: no figure was finite.
        last: The last evaluation that succeeded; its figure may not be finite.
        stale: Evaluations since the best one, without improvement.
        patience: Number of these after which the run ends early; 0: it does not.
        figures: All figures of the last evaluation.
    """

    figure: str = ""
    better: Literal["higher", "lower"] = "higher"
    best: ModelFigure | None = None
    last: ModelFigure | None = None
    stale: int = 0
    patience: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)

    def after(self, step: int, figures: Mapping[str, float], *, counts: bool = True) -> BestSoFar:
        """Return the standing after an evaluation; figures that are not finite never become best.

        Args:
            step: Step of the model.
            figures: Its figures.
            counts: Whether the evaluation counts for ``patience``.
        """
        last = ModelFigure(step, figures[self.figure])
        if self._improves(last.value):
            return replace(self, best=last, last=last, stale=0, figures=figures)
        return replace(self, last=last, stale=self.stale + counts, figures=figures)

    def _improves(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.best is None:
            return True
        best = self.best.value
        return value > best if self.better == "higher" else value < best

    @property
    def exhausted(self) -> bool:
        """Whether the run ends early."""
        return bool(self.patience) and self.stale >= self.patience

    def describe(self, which: ModelFigure) -> str:
        """Return a figure as text, such as ``kid 0.0312 at step 600``."""
        return f"{self.figure} {which.value:.4g} at step {which.step:,}"

    @property
    def reason(self) -> str:
        """Why the run ended early, as the end of a sentence."""
        times = "evaluation" if self.stale == 1 else f"{self.stale} evaluations"
        best = f"; the best is {self.describe(self.best)}" if self.best else ""
        return f"{self.figure} did not improve in the last {times}{best}"

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, for a checkpoint."""
        return asdict(self) | {
            "best": tuple(self.best) if self.best else None,
            "last": tuple(self.last) if self.last else None,
            "figures": dict(self.figures),
        }

    @classmethod
    def from_plain(cls, values: object) -> BestSoFar:
        """Return what :meth:`plain` returned.

        Raises:
            ValueError: It is something else.
        """
        return TypeAdapter(cls).validate_python(values)


def write_standing(run: Path, standing: BestSoFar) -> None:
    """Write the standing of a run to its folder."""
    values = standing.plain()
    for key in ("best", "last"):
        if values[key]:
            values[key] = {"step": values[key][0], "value": json_number(values[key][1])}
    values["figures"] = {name: json_number(value) for name, value in standing.figures.items()}
    write_text(run / FILE, json.dumps(values, indent=2) + "\n")


def read_standing(run: Path) -> BestSoFar | None:
    """Read the standing of a run from its folder; None if there is none, or it is damaged."""
    try:
        values = read_json(run / FILE)
        for key in ("best", "last"):
            if values[key]:
                values[key] = (values[key]["step"], float(values[key]["value"]))
        values["figures"] = {name: float(value) for name, value in values["figures"].items()}
        return BestSoFar.from_plain(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return None


def is_kept(run: Path, standing: BestSoFar, step: int) -> bool:
    """Return whether the file of the best model is written, if it is that of a checkpoint.

    Args:
        run: The run's folder.
        standing: The standing of its newest checkpoint.
        step: Steps of that checkpoint, after which a kill may have come before the file.
    """
    if standing.best is None or standing.best.step != step:
        return True
    known = read_standing(run)
    return known is not None and known.best == standing.best and (run / BEST_MODEL).is_file()


def has_ended_early(run: Path, step: int) -> bool:
    """Return whether the run whose newest checkpoint is of a step has ended early."""
    standing = read_standing(run)
    if standing is None or not standing.exhausted:
        return False
    return standing.last is not None and standing.last.step == step
