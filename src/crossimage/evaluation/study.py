"""The figures of a study with people, read from its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossimage.evaluation.report.figures import Direction, Figure
from crossimage.evaluation.report.page import Evaluation
from crossimage.utils.texts.json_text import read_json


def add_study(evaluations: Sequence[Evaluation], folder: Path) -> list[Evaluation]:
    """Add the figures of a study to those of the models that it compares.

    A model and a method of the study are the same if they have the same title, or come from the
    same path.

    Args:
        evaluations: The results of the models.
        folder: Folder of the study, which was analysed.

    Raises:
        FileNotFoundError: There is no report.
        ValueError: It is not that of a study, or the study has none of the models.
    """
    path = folder / "analysis" / "report.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; run `crossimage study analyse {folder}` first"
        )
    try:
        data = read_json(path)
        directions = {name: Direction(*pair) for name, pair in data["study"]["directions"].items()}
        runs = data["runs"]
        figures = {
            run["title"]: [_figure(one, directions) for one in run["figures"]] for run in runs
        }
        paths = {run["title"]: run["facts"]["method"] for run in runs}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{path} is not the report of a study; run `crossimage study analyse {folder}` again"
        ) from None
    added = []
    for evaluation in evaluations:
        title = _match(evaluation, paths)
        if title is None:
            missing = evaluation.missing | {"study": f"{folder} does not compare it"}
            added.append(replace(evaluation, missing=missing))
        else:
            added.append(replace(evaluation, figures=[*evaluation.figures, *figures[title]]))
    if all(_match(evaluation, paths) is None for evaluation in evaluations):
        titles = ", ".join(evaluation.title for evaluation in evaluations)
        raise ValueError(
            f"{folder} compares {', '.join(paths)}, but not {titles}; expected a study of these "
            "models"
        )
    return added


def _match(evaluation: Evaluation, paths: dict[str, str]) -> str | None:
    """Return the title of a model in the study."""
    own = evaluation.facts.get("model") or evaluation.facts.get("results") or ""
    same = [title for title, path in paths.items() if own and _same(own, path)]
    titles = same or [title for title in paths if title == evaluation.title]
    return titles[0] if titles else None


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def _figure(data: dict[str, Any], directions: dict[str, Direction]) -> Figure:
    interval = data["interval"] and (data["interval"][0], data["interval"][1])
    values = data | {"interval": interval, "warnings": tuple(data["warnings"])}
    return Figure(**values, direction=directions[data["name"]])
