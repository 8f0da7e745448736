"""The command that follows an examination, chosen by its verdict."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossimage.config import build
from crossimage.doctor.diagnosis import Diagnosis
from crossimage.doctor.measure import Estimate
from crossimage.doctor.suitable_recipes import SuitableRecipe
from crossimage.methods import find_method
from crossimage.recipes import resolve
from crossimage.training.schedule.forecast import LONG, shorter_recipe
from crossimage.utils.paths import plain

Advice = dict[str, tuple[int, ...]]
"""Settings that warnings advise, by key."""


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
    overrides: Mapping[str, Any],
    estimate: Estimate | None,
    recipes: Sequence[SuitableRecipe],
) -> NextStep | None:
    """Return the command that comes next; None if no recipe is named, and none fits.

    Args:
        diagnosis: What was found.
        recipe: The recipe or method that is named; None if none is.
        words: The settings given, as ``key=value``.
        overrides: The same settings, nested.
        estimate: What training takes here; None if it is unknown.
        recipes: Recipes that can learn from the data, the most suitable ones first.
    """
    data, settings = diagnosis.report.data, list(words)
    data = plain(data) if os.path.exists(data) else data
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
    given = {word.partition("=")[0] for word in words}
    advice: Advice = {}
    for warning in diagnosis.warnings:
        advice |= {key: value for key, value in warning.settings.items() if key not in given}
    if recipe is None:
        if not recipes:
            return None
        recipe = recipes[0].name
    elif estimate and estimate.total_seconds > LONG and not estimate.accelerated:
        instead = shorter_recipe(recipe)
        settings = [word for word in settings if not word.startswith(("steps=", "epochs="))]
        settings += [] if instead else ["--budget", "1h"]
        recipe = instead or recipe
        text = "Train what takes less time on this device:"
    advice = next((one for one in _versions(advice) if _accepts(recipe, overrides, one)), {})
    settings += [f"{key}={','.join(map(str, value))}" for key, value in advice.items()]
    command = ["crossimage", "train", recipe, "--data", data, *settings]
    return NextStep(text, shlex.join(command))


def _versions(advice: Advice) -> Iterator[Advice]:
    """Yield what warnings advise, and the same for methods that need domains of equal channels."""
    yield advice
    if channels := advice.get("channels"):
        yield advice | {"channels": (max(channels),) * len(channels)}


def _accepts(recipe: str, overrides: Mapping[str, Any], advice: Advice) -> bool:
    """Return whether a recipe can have the settings that warnings advise."""
    if not advice:
        return True
    nested: dict[str, Any] = {}
    for key, value in advice.items():
        name, dot, part = key.partition(".")
        nested[name] = {**nested.get(name, {}), part: value} if dot else value
    try:
        method, settings = resolve(recipe)
        build(find_method(method, recipe).Config, settings, overrides, nested, source=recipe)
    except (ValueError, OSError):
        return False
    return True
