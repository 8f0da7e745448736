"""An examination of a data set: its images, what training would see, and what that takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossimage.config import Config
from crossimage.data.data_report import DataReport
from crossimage.data.inspect import inspect
from crossimage.doctor.appearance import Appearances
from crossimage.doctor.diagnosis import Diagnosis, diagnose
from crossimage.doctor.measure import CannotTrainError, Estimate, measure
from crossimage.doctor.next_step import NextStep, find_next_step
from crossimage.doctor.one_folder import advise_one_folder
from crossimage.doctor.suitable_recipes import SuitableRecipe, find_suitable_recipes
from crossimage.methods.base import Method
from crossimage.utils.progress import ProgressCallback


@dataclass(frozen=True)
class Examination:
    """The result of :func:`examine`.

    Attributes:
        diagnosis: What was found.
        recipe: The recipe or method to train with; None if none was named.
        config: Its settings, completed by the data.
        estimate: What training takes on this device; None if it was not measured.
        unmeasured: Why it could not be measured; None if it was, or was not asked for.
        recipes: Recipes that can learn from the data, the most suitable ones first.
        next_step: The command that comes next; None if no recipe fits.
    """

    diagnosis: Diagnosis
    recipe: str | None
    config: Config
    estimate: Estimate | None
    unmeasured: str | None
    recipes: tuple[SuitableRecipe, ...]
    next_step: NextStep | None


def examine(
    data: Any,
    recipe: str | None,
    method: type[Method] | None,
    config: Config | None,
    overrides: Mapping[str, Any],
    *,
    known: Mapping[str, Any],
    words: Sequence[str] = (),
    estimate: bool = True,
    progress: ProgressCallback | None = None,
) -> Examination:
    """Read a data set, and measure a few training steps if a recipe is named.

    Args:
        data: The data set, as ``find_source`` takes it.
        recipe: The recipe or method to train with; None: none.
        method: Its class.
        config: Its settings; None: those that all methods share.
        overrides: Settings that override the recipe's.
        known: What :func:`crossimage.data.inspect.inspect` must know of the method.
        words: The same settings as the user gives them, ``key=value``, for commands to copy.
        estimate: Whether to measure training steps.
        progress: Receives the number of images read.

    Raises:
        FileNotFoundError: The data set is missing.
        ValueError: The method cannot read the data at all.
    """
    appearances = Appearances()
    report, reason = _inspect(data, config, known, appearances, progress)
    assert report.images is not None
    diagnosis = diagnose(report, appearances, sized=config is not None)
    if reason:
        diagnosis.warnings.insert(0, advise_one_folder(diagnosis, reason))
    measured, unmeasured = None, None
    if recipe and method and estimate and not diagnosis.problems:
        if progress:
            progress("measuring training steps", 0, 1)
        try:
            measured = measure(recipe, data, overrides)
        except CannotTrainError as error:
            diagnosis.problems.append(str(error))
        except RuntimeError as error:
            unmeasured = str(error)
        if progress:
            progress("measuring training steps", 1, 1)
    recipes = () if recipe else tuple(find_suitable_recipes(data))
    step = find_next_step(diagnosis, recipe, words, overrides, measured, recipes)
    return Examination(diagnosis, recipe, report.images.config, measured, unmeasured, recipes, step)


def _inspect(
    data: Any,
    config: Config | None,
    known: Mapping[str, Any],
    appearances: Appearances,
    progress: ProgressCallback | None,
) -> tuple[DataReport, str | None]:
    """Read a data set; if no method is named and it has no two domains, as one folder of images.

    Returns:
        What was read, and why it can't be read as two domains; None if it was.
    """
    try:
        return inspect(data, config, on_image=appearances.add, progress=progress, **known), None
    except (ValueError, FileNotFoundError) as problem:
        if known or config is not None:
            raise
        error = problem
    try:
        one = Config(channels=(3,))
        report = inspect(data, one, layout="single", on_image=appearances.add, progress=progress)
    except (ValueError, FileNotFoundError):
        raise error from None
    sizes = [size for split in report.splits for size in split.sizes]
    if sizes and all(width == 2 * height for width, height in sizes) and isinstance(data, str):
        error = ValueError(f"{error}. If these are side-by-side pairs, move them to {data}/train")
    return report, str(error)
