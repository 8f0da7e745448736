"""The result of an evaluation: figures by model, why metrics are missing, and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossimage.evaluation.report.page import (
    NOT_COMPARABLE,
    Evaluation,
    as_table,
    footnotes_of,
    noise_of,
    reasons_of,
    write_report,
)
from crossimage.utils.manifest import add_report


@dataclass(frozen=True)
class EvaluationResult:
    """The result of :func:`crossimage.evaluate`.

    ``result["munit"]["fid"].value`` is a value; ``print(result)`` shows all of them as a table.

    Attributes:
        models: The results of every model, or of the folder, in the given order. Each has a
            ``title``, ``figures`` and, under ``missing``, the reasons why it lacks metrics.
        report_json: The report for programs; None if none was written.
        report_html: The report for people, likewise.
    """

    models: tuple[Evaluation, ...]
    report_json: Path | None = None
    report_html: Path | None = None

    def __getitem__(self, title: str) -> Evaluation:
        """Return the results of the model with a title.

        Raises:
            KeyError: There is none.
        """
        for model in self.models:
            if model.title == title:
                return model
        titles = ", ".join(model.title for model in self.models)
        raise KeyError(f"there are no results of '{title}', only of {titles}")

    def __iter__(self) -> Iterator[Evaluation]:
        """Iterate over the models' results."""
        return iter(self.models)

    def __str__(self) -> str:
        """Return a table of all figures, why some are missing, and what is wrong with others."""
        lines = as_table(self.models)
        if len(self.models) == 1:  # one figure per line
            lines = [list(line) for line in zip(*lines, strict=True)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            f"{model.title}: {model.facts['measured']}"
            for model in self.models
            if "measured" in model.facts
        ]
        for first, *rest in lines:
            cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
            text.append("  ".join([first.ljust(widths[0]), *cells]))
        for model in self.models:
            reasons = reasons_of(model).items()
            text += [f"– no {names} of {model.title}: {reason}" for reason, names in reasons]
        if not all(figure.comparable for model in self.models for figure in model.figures):
            text.append(f"* {NOT_COMPARABLE}")
        text += noise_of(self.models)
        text += [f"[{n}] {footnote}" for n, footnote in enumerate(footnotes_of(self.models), 1)]
        return "\n".join(text)


def report_result(
    evaluations: Sequence[Evaluation], settings: Mapping[str, Any], out: Path | None
) -> EvaluationResult:
    """Write the report, if a folder is given, and return the result.

    Args:
        evaluations: The results of every model.
        settings: The options that were chosen, as plain data.
        out: Folder of the report.

    Raises:
        OSError: A file can't be written.
    """
    models = tuple(evaluations)
    if out is None:
        return EvaluationResult(models)
    title = f"{len(models)} models compared" if len(models) > 1 else models[0].title
    paths = write_report(out, title, settings, models)
    add_report(*paths)
    return EvaluationResult(models, *paths)
