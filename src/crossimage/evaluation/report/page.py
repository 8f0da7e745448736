"""Reports of evaluations: ``report.json`` for programs, ``report.html`` for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossimage._version import __version__
from crossimage.evaluation.report.figures import Figure
from crossimage.evaluation.report.plots import ROW, WIDTH, Histogram, Plot, draw, plot_of
from crossimage.evaluation.report.strips import Block
from crossimage.utils.files import write_text
from crossimage.utils.html import page_template

NOT_COMPARABLE = (
    "not comparable with figures of others: the network that measures was trained here, or has "
    "not the published weights"
)
"""What the mark of such figures means."""

_LOWER_IS_BETTER = frozenset({"fid", "kid", "l1", "lpips_paired", "error"})
_NEITHER = {
    "lpips": "higher is more diverse",  # which is no merit where the pictures are bad
    "lpips_real": "the diversity of real images",
    "same_scene": "distance",
    "same_domain": "distance",
    "same_scene_normalised": "distance",
    "same_domain_normalised": "distance",
}


@dataclass
class Evaluation:
    """What was measured of one model or folder.

    Attributes:
        title: What it is called.
        facts: Method, data and the like, by caption.
        figures: What was measured, each name once.
        notes: What was adapted, a sentence each.
        missing: Why figures are not there that others have, by the measure's name.
        blocks: Pictures to show.
        histograms: Distributions to show.
    """

    title: str
    facts: dict[str, str]
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    histograms: list[Histogram] = field(default_factory=list)


def write_report(
    out: Path, title: str, settings: Mapping[str, Any], evaluations: Sequence[Evaluation]
) -> None:
    """Write ``report.json`` and ``report.html``; each is complete or not there.

    Args:
        out: Folder of the report; made if need be.
        title: Headline of the page.
        settings: What was asked for, as plain data.
        evaluations: The runs, side by side.

    Raises:
        OSError: A file can't be written; the one that stood there still stands.
    """
    out.mkdir(parents=True, exist_ok=True)
    data = {
        "crossimage": __version__,
        "settings": dict(settings),
        "runs": [
            {
                "title": run.title,
                "facts": run.facts,
                "notes": run.notes,
                "missing": run.missing,
                "figures": [figure.to_dict() for figure in run.figures],
            }
            for run in evaluations
        ],
    }
    write_text(out / "report.json", json.dumps(data, indent=2, allow_nan=False) + "\n")
    page = page_template("evaluation.html").render(
        title=title,
        version=__version__,
        runs=evaluations,
        names=names_of(evaluations),
        cell=_cell,
        best={name: _best(name, evaluations) for name in names_of(evaluations)},
        plots=[_plot(name, evaluations) for name in names_of(evaluations)],
        draw=draw,
        width=WIDTH,
        row=ROW,
        not_comparable=NOT_COMPARABLE,
        comparable=all(figure.comparable for run in evaluations for figure in run.figures),
    )
    write_text(out / "report.html", page)


def names_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """Names of all figures, in the order in which they were measured."""
    return list(dict.fromkeys(figure.name for run in evaluations for figure in run.figures))


def as_table(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """A heading and one line a run, of text: the runs' titles and their figures."""
    names = names_of(evaluations)
    lines = [[run.title, *(_cell(run, name) for name in names)] for run in evaluations]
    return [["", *names], *lines]


def _find(run: Evaluation, name: str) -> Figure | None:
    return next((figure for figure in run.figures if figure.name == name), None)


def _cell(run: Evaluation, name: str) -> str:
    """A figure as text, with half the width of its interval."""
    figure = _find(run, name)
    if figure is None:
        return "–"
    text = f"{figure.value:.4g}"
    if figure.interval is not None:
        text += f" ± {(figure.interval[1] - figure.interval[0]) / 2:.2g}"
    return text if figure.comparable else f"{text} *"


def _best(name: str, evaluations: Sequence[Evaluation]) -> set[int]:
    """Numbers of the runs with the best value, where several have one and they differ."""
    found = {i: figure.value for i, run in enumerate(evaluations) if (figure := _find(run, name))}
    if len(set(found.values())) < 2 or name in _NEITHER:
        return set()
    best = min(found.values()) if name in _LOWER_IS_BETTER else max(found.values())
    return {i for i, value in found.items() if value == best}


def _plot(name: str, evaluations: Sequence[Evaluation]) -> Plot:
    found = [(i, figure) for i, run in enumerate(evaluations) if (figure := _find(run, name))]
    better = "lower is better" if name in _LOWER_IS_BETTER else "higher is better"
    return plot_of(name, _NEITHER.get(name, better), found)
