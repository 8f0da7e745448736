"""Analyse studies and write their reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossimage.evaluation.report.page import (
    Evaluation,
    as_table,
    reasons_of,
    report_data,
    report_page,
)
from crossimage.server.listening import web_needed
from crossimage.study.analysis.counted import as_csv, sort_votes
from crossimage.study.analysis.figures import ReportTable, StudyFigures, figures_of
from crossimage.study.failures import storing
from crossimage.study.opening import open_study
from crossimage.study.settings import FILE, Settings, write_settings
from crossimage.study.store import FILE as DATABASE
from crossimage.utils.files import write_text
from crossimage.utils.writing.folders import make_folder

FOLDER = "analysis"
"""Folder of the report in that of a study."""


@dataclass(frozen=True)
class Analysis:
    """The figures of a study and their report.

    Attributes:
        study: Folder of the study.
        settings: Its settings.
        figures: Its figures.
        report_html: The report for people.
        report_json: The report for programs.
    """

    study: Path
    settings: Settings
    figures: StudyFigures
    report_html: Path
    report_json: Path

    def __str__(self) -> str:
        """Return the figures as text."""
        methods = self.figures.methods
        lines = [_aligned(as_table(methods))]
        for method in methods:
            for reason, names in reasons_of(method).items():
                lines.append(f"– no {names} of {method.title}: {reason}")
        for table in self.figures.tables:
            lines += [
                "",
                f"{table.title}. {table.note}".rstrip(),
                _aligned([table.head, *table.rows]),
            ]
        return "\n".join(lines)


def analyse_study(study: Path) -> Analysis:
    """Analyse a study, and write its report into ``analysis`` in its folder.

    The report is ``report.html`` and ``report.json``; ``votes.csv`` holds all votes, and
    ``study.yaml`` the settings that repeat the study. Earlier files are replaced: the same votes
    give the same report.

    Args:
        study: Folder of the study.

    Raises:
        FileNotFoundError: There is no study.
        ValueError: No vote counts, or its settings were changed after the first vote.
        OSError: A file can't be written.
    """
    with web_needed():
        import choix  # noqa: F401
    with storing(study / DATABASE):
        settings, store = open_study(study)
        try:
            votes = store.votes()
            withdrawn = int(store.get("withdrawn") or 0)
        finally:
            store.close()
    try:
        counted = sort_votes(votes, settings)
        figures = figures_of(counted, settings)
    except ValueError as error:
        raise ValueError(f"{study}: {error}") from None
    out = study / FOLDER
    make_folder(out)
    data = report_data(settings.model_dump(), figures.methods) | {
        "study": {
            "protocol": settings.protocol,
            "votes": len(votes),
            "counted": len(counted.votes),
            "left_out": counted.left_out,
            "people": counted.people,
            "excluded_people": counted.excluded,
            "withdrawn_people": withdrawn,
            "directions": _directions(figures.methods),
            "tables": [_plain(table) for table in figures.tables],
        }
    }
    page = report_page(
        settings.title, figures.methods, "study/report.html", tables=figures.tables,
        settings=settings,
    )  # fmt: skip
    write_text(out / "report.json", json.dumps(data, indent=2, allow_nan=False) + "\n")
    write_text(out / "report.html", page)
    write_text(out / "votes.csv", as_csv(votes, settings))
    write_settings(out / FILE, settings)
    return Analysis(study, settings, figures, out / "report.html", out / "report.json")


def _directions(methods: Sequence[Evaluation]) -> dict[str, list[str]]:
    return {
        figure.name: [figure.direction.better, figure.direction.hint]
        for method in methods
        for figure in method.figures
        if figure.direction
    }


def _plain(table: ReportTable) -> dict[str, Any]:
    return {"title": table.title, "head": table.head, "rows": table.rows, "note": table.note}


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
