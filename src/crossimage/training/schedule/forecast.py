"""How long a run will take, in a sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from crossimage.recipes import list_recipes
from crossimage.training.schedule.durations import roughly

Forecast = Callable[[int, float], str | None]
"""Takes a number of steps and the seconds of one, and returns a sentence if they take long."""

LONG = 2 * 3600.0
"""Seconds from which a run is long."""


_TIME = re.compile(
    r"(?:(?:about|under) )?(?:an|a quarter of an|half an|two|\d+(?: to \d+)?) (?:minutes|hours?)"
    r"|\bminutes\b"
)


def forecast(device: str, suggestion: str | None) -> Forecast:
    """Return a sentence on how long a new run will take.

    Args:
        device: Where it trains, such as ``this CPU``.
        suggestion: A clause about a shorter run.
    """

    def sentence(steps: int, seconds_per_step: float) -> str | None:
        seconds = steps * seconds_per_step
        if seconds < LONG:
            return None
        rest = f"; {suggestion}" if suggestion else ""
        return f"{steps:,} steps will take about {roughly(seconds)} on {device}{rest}"

    return sentence


def shorter_recipe(recipe: str, method: str | None = None) -> str | None:
    """Return the small recipe of a method whose name is most like that of a recipe.

    Args:
        recipe: Name of the recipe or method that is trained.
        method: The method's name; None: the recipe's name begins with it.

    Returns:
        Its name; None if the method has no small recipe, or if the recipe is itself small.
    """
    method = method or recipe.partition("/")[0]
    small = _small_recipes(method)
    if not small or recipe in small:
        return None
    wanted = (f"{recipe}_small", f"{method}/photos_small")
    alike = max(sorted(small), key=lambda name: len(os.path.commonprefix([name, recipe])))
    return next((name for name in wanted if name in small), alike)


def shorter(recipe: str, method: str) -> str:
    """Return a clause about a shorter run.

    Args:
        recipe: Name of the recipe or method that is trained.
        method: The method's name.

    Returns:
        A clause about :func:`shorter_recipe` and how long it takes, if its description tells; about
        ``--budget`` if there is none.
    """
    name = shorter_recipe(recipe, method)
    if name is None:
        return "a new run with `--budget 20m` takes 20 minutes"
    found = _TIME.search(_small_recipes(method)[name])
    if not found:
        return f"`{name}` is made for a CPU"
    return f"`{name}` takes {'a few minutes' if found[0] == 'minutes' else found[0]}"


def _small_recipes(method: str) -> dict[str, str]:
    """Return the descriptions of the small recipes of a method, by name."""
    return {
        name: text
        for name, text in list_recipes()
        if name.startswith(f"{method}/") and text.startswith("Small: ")
    }
