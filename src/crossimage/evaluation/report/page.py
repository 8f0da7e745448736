"""Reports of evaluations: ``report.json`` for programs, ``report.html`` for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from crossimage._version import __version__
from crossimage.evaluation.report.figures import Direction, Figure
from crossimage.evaluation.report.noise import MEANING, TIED, pairs, ties
from crossimage.evaluation.report.plots import ROW, WIDTH, FigurePlot, Histogram, draw, plot_of
from crossimage.evaluation.report.strips import Block
from crossimage.utils.files import write_new, write_text
from crossimage.utils.html import page_template
from crossimage.utils.reading import read_data
from crossimage.utils.writing.folders import check_folder, make_folder

NOT_COMPARABLE = (
    "not comparable with figures of others: the network behind it was trained here, or does not "
    "have the published weights"
)
"""Meaning of the mark of such figures."""


@dataclass(frozen=True)
class Evaluation:
    """The results of one model or folder.

    Attributes:
        title: Its title.
        facts: Method, data and the like, by caption.
        figures: The figures, each name once.
        notes: What was adapted, one sentence each.
        missing: Why it lacks metrics that were requested, or that others have, by name.
        blocks: Images to show.
        histograms: Distributions to show.
    """

    title: str
    facts: dict[str, str]
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list, repr=False)
    missing: dict[str, str] = field(default_factory=dict)
    histograms: list[Histogram] = field(default_factory=list, repr=False)

    def __getitem__(self, name: str) -> Figure:
        """Return the figure of a name.

        Raises:
            KeyError: There is none.
        """
        if (figure := self.find(name)) is None:
            names = ", ".join(figure.name for figure in self.figures)
            reason = f"; no {name}: {self.missing[name]}" if name in self.missing else ""
            raise KeyError(f"{self.title} has no figure '{name}', only {names}{reason}")
        return figure

    def find(self, name: str) -> Figure | None:
        """Return the figure of a name, or None."""
        return next((figure for figure in self.figures if figure.name == name), None)


def check_out(out: Path) -> None:
    """Check that reports can be written to a folder, before what takes long.

    Raises:
        PermissionError: They can't be.
        ValueError: It, or one above it, is a file.
    """
    check_folder(out, "report.json and report.html")


def write_report(
    out: Path, title: str, settings: Mapping[str, Any], evaluations: Sequence[Evaluation]
) -> tuple[Path, Path]:
    """Write ``report.json`` and ``report.html``, atomically.

    Earlier reports are kept: beside them, the new one is ``report-2.json`` and ``report-2.html``,
    and so on.

    Args:
        out: Folder of the report; created if needed.
        title: Headline of the page.
        settings: The options that were chosen, as plain data.
        evaluations: The runs, side by side.

    Returns:
        The paths of both.

    Raises:
        OSError: A file can't be written.
    """
    data = json.dumps(report_data(settings, evaluations), indent=2, allow_nan=False)
    page = report_page(title, evaluations)
    make_folder(out)
    paths = _write_new(out, (data + "\n").encode(errors="backslashreplace"))
    try:
        write_text(paths[1], page)
    except BaseException:
        paths[0].unlink(missing_ok=True)
        raise
    return paths


def report_data(settings: Mapping[str, Any], evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Return a report as plain data for JSON."""
    names = names_of(evaluations)
    return {
        "crossimage": __version__,
        "settings": dict(settings),
        "within_noise": {name: within for name, within in _pairs(evaluations).items() if within},
        "runs": [
            {
                "title": run.title,
                "facts": run.facts,
                "notes": run.notes,
                "values": {name: _value(run, name) for name in names},
                "missing": run.missing,
                "figures": [figure.to_dict() for figure in run.figures],
            }
            for run in evaluations
        ],
    }


def report_page(
    title: str, evaluations: Sequence[Evaluation], template: str = "evaluation.html", **more: Any
) -> str:
    """Return a report as a page.

    Args:
        title: Headline of the page.
        evaluations: The runs, side by side.
        template: The template, ``evaluation.html`` or one that extends it.
        more: What the template needs besides.
    """
    names = names_of(evaluations)
    return page_template(template).render(
        title=title,
        version=__version__,
        runs=evaluations,
        names=names,
        headings=dict(zip(names, _headings(evaluations), strict=True)),
        cell=_cell,
        tied={name: _tied(name, evaluations) for name in names},
        noise=noise_of(evaluations),
        reasons=reasons_of,
        footnotes=footnotes_of(evaluations),
        best={name: _best(name, evaluations) for name in names},
        plots=[_plot(name, evaluations) for name in names if _by_run(name, evaluations)],
        draw=draw,
        width=WIDTH,
        row=ROW,
        not_comparable=NOT_COMPARABLE,
        comparable=all(figure.comparable for run in evaluations for figure in run.figures),
        **more,
    )


def names_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return the names of the columns of a table.

    These are all figures in the order in which they were computed, and all metrics that are missing
    everywhere.
    """
    figures = [figure for run in evaluations for figure in run.figures]
    found = {figure.metric or figure.name for figure in figures}
    missing = (name for run in evaluations for name in run.missing if name not in found)
    return list(dict.fromkeys([*(figure.name for figure in figures), *missing]))


def footnotes_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return the warnings of all figures, each once; numbers in tables refer to them, from 1."""
    figures = (figure for run in evaluations for figure in run.figures)
    return list(dict.fromkeys(warning for figure in figures for warning in figure.warnings))


def reasons_of(run: Evaluation) -> dict[str, str]:
    """Return the reasons why a run lacks metrics, with the names of these metrics as text."""
    reasons: dict[str, list[str]] = {}
    for name, reason in run.missing.items():
        reasons.setdefault(reason, []).append(name)
    return {reason: ", ".join(names) for reason, names in reasons.items()}


def as_table(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """Return a heading and one line per run as text: its title and its figures."""
    names, footnotes = names_of(evaluations), footnotes_of(evaluations)
    tied = {name: _tied(name, evaluations) for name in names}
    lines = [
        [run.title, *(_cell(run, name, footnotes, number in tied[name]) for name in names)]
        for number, run in enumerate(evaluations)
    ]
    return [["", *_headings(evaluations)], *lines]


def noise_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return the differences within the noise as sentences: of each figure, all pairs of runs.

    Of two runs, the mark says it.
    """
    found = {name: within for name, within in _pairs(evaluations).items() if within}
    sentences = [
        f"within the noise, {name}: " + ", ".join(f"{a} and {b}" for a, b in within)
        for name, within in found.items()
    ]
    marked = any(_tied(name, evaluations) for name in found)
    if marked:
        return [f"{TIED} {MEANING}", *(sentences if len(evaluations) > 2 else [])]
    return sentences


def _pairs(evaluations: Sequence[Evaluation]) -> dict[str, list[tuple[str, str]]]:
    """Return the titles of the pairs of runs whose difference lies within the noise, by figure."""
    return {
        name: pairs([(evaluations[i].title, figure) for i, figure in _by_run(name, evaluations)])
        for name in names_of(evaluations)
    }


def _write_new(out: Path, data: bytes) -> tuple[Path, Path]:
    """Write the figures of a report under the first free number; return the paths of it.

    Figures without a page, which an evaluation that was killed has left, are taken up if they are
    the same.
    """
    for number in count(1):
        stem = "report" if number == 1 else f"report-{number}"
        figures, page = out / f"{stem}.json", out / f"{stem}.html"
        if page.exists():
            continue
        try:
            write_new(figures, data)  # another evaluation may be writing, too
        except FileExistsError:
            if page.exists() or read_data(figures) != data:
                continue
        return figures, page
    raise AssertionError("numbers do not end")


def _headings(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return the headings of the columns: the names, with their variants."""
    headings = []
    for name in names_of(evaluations):
        variants = dict.fromkeys(figure.variant for _, figure in _by_run(name, evaluations))
        variant = ", ".join(filter(None, variants))
        headings.append(f"{name} ({variant})" if variant else name)
    return headings


def _value(run: Evaluation, name: str) -> Any:
    figure = run.find(name)
    return figure and figure.to_dict()["value"]


def _cell(run: Evaluation, name: str, footnotes: Sequence[str], tied: bool) -> str:
    """Format a figure, with half the width of its interval, its marks and its footnotes' numbers.

    Args:
        run: The run.
        name: The figure's name.
        footnotes: All footnotes.
        tied: Whether it can't be told from the best of its column.
    """
    figure = run.find(name)
    if figure is None:
        return "–"
    text = f"{figure.value:.4g}"
    if figure.interval is not None:
        text += f" ± {(figure.interval[1] - figure.interval[0]) / 2:.2g}"
    marks = [TIED] if tied else []
    marks += [] if figure.comparable else ["*"]
    marks += [f"[{footnotes.index(warning) + 1}]" for warning in figure.warnings]
    return " ".join([text, "".join(marks)]) if marks else text


def _best(name: str, evaluations: Sequence[Evaluation]) -> set[int]:
    """Return the indices of the runs with the best value, where values differ."""
    figures = _by_run(name, evaluations)
    values = {index: figure.value for index, figure in figures}
    if len(set(values.values())) < 2 or (better := _direction(figures).better) == "neither":
        return set()
    best = min(values.values()) if better == "lower" else max(values.values())
    return {index for index, value in values.items() if value == best}


def _tied(name: str, evaluations: Sequence[Evaluation]) -> set[int]:
    """Return the indices of the runs whose figure can't be told from the best one."""
    return ties(_by_run(name, evaluations), _best(name, evaluations))


def _plot(name: str, evaluations: Sequence[Evaluation]) -> FigurePlot:
    figures = _by_run(name, evaluations)
    return plot_of(name, _direction(figures).hint, figures)


def _by_run(name: str, evaluations: Sequence[Evaluation]) -> list[tuple[int, Figure]]:
    """Return a figure of all runs that have it, with their indices."""
    return [(i, figure) for i, run in enumerate(evaluations) if (figure := run.find(name))]


def _direction(figures: Sequence[tuple[int, Figure]]) -> Direction:
    _, figure = figures[0]
    assert figure.direction, f"{figure.name} must declare which direction is better"
    return figure.direction
