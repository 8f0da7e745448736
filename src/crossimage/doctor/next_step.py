"""The command that comes next after an examination, by its verdict."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from crossimage.doctor.diagnosis import Diagnosis
from crossimage.doctor.fitting import Fitting
from crossimage.doctor.measure import Estimate
from crossimage.training.schedule.forecast import LONG, shorter_recipe


@dataclass(frozen=True)
class NextStep:
    """What to do next.

    Attributes:
        text: What the command does, and why.
        command: The command.
    """

    text: str
    command: str


def find_next_step(
    diagnosis: Diagnosis,
    recipe: str | None,
    words: Sequence[str],
    estimate: Estimate | None,
    fitting: Sequence[Fitting],
) -> NextStep | None:
    """Return the command that comes next; None if no recipe is named, and none fits.

    Args:
        diagnosis: What was found.
        recipe: The recipe or method that is named; None if none is.
        words: The settings given, as ``key=value``.
        estimate: What training takes here; None if it is unknown.
        fitting: Recipes that can learn from the data, the most suitable ones first.
    """
    data, settings = diagnosis.report.data, list(words)
    if diagnosis.problems:
        named = [recipe] if recipe else []
        command = ["crossimage", "data", "inspect", data, *named, *settings]
        found = "problem" if len(diagnosis.problems) == 1 else "problems"
        return NextStep(
            f"Solve the {found} above, then inspect the images again:", shlex.join(command)
        )
    for warning in diagnosis.warnings:
        if warning.first and warning.command:
            return NextStep("Make the data set that training needs:", warning.command)
    text = "Train:"
    if recipe is None:
        if not fitting:
            return None
        recipe = fitting[0].name
    elif estimate and estimate.total_seconds > LONG and not estimate.accelerated:
        instead = shorter_recipe(recipe)
        settings = [word for word in settings if not word.startswith(("steps=", "epochs="))]
        settings += [] if instead else ["--budget", "1h"]
        recipe = instead or recipe
        text = "Train what takes less time on this device:"
    given = {word.partition("=")[0] for word in settings}
    for warning in diagnosis.warnings:
        settings += [word for word in warning.settings if word.partition("=")[0] not in given]
    command = ["crossimage", "train", recipe, "--data", data, *settings]
    return NextStep(text, shlex.join(command))
