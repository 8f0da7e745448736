"""Reports of evaluations: ``report.json`` for programs, ``report.html`` for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from crossimage import __version__
from crossimage.evaluation.figures import Figure
from crossimage.evaluation.strips import Block
from crossimage.files import write_text

_WIDTH, _ROW, _TOP, _LEFT, _RIGHT = 360, 26, 4, 8, 64

_LOWER_IS_BETTER = frozenset({"fid", "kid", "l1", "lpips_paired", "error"})
_NEITHER = {
    "lpips": "higher is more diverse",  # which is no merit where the pictures are bad
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
        blocks: Pictures to show.
    """

    title: str
    facts: dict[str, str]
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class Bar:
    """One run's bar in a figure's plot, in the coordinates of the drawing.

    Attributes:
        run: Number of the run, from 0 on.
        y: Top of its row.
        x: Left end.
        width: Length.
        interval: Left and right end of the confidence interval.
        label: The value.
        comparable: Whether others' figures may be compared with it.
    """

    run: int
    y: int
    x: float
    width: float
    interval: tuple[float, float] | None
    label: str
    comparable: bool


@dataclass(frozen=True)
class Plot:
    """One figure of all runs.

    Attributes:
        name: What was measured.
        hint: Which direction is better.
        height: Height of the drawing.
        zero: Where 0 stands.
        bars: A bar a run that has the figure.
    """

    name: str
    hint: str
    height: int
    zero: float
    bars: list[Bar]


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
                "figures": [figure.to_dict() for figure in run.figures],
            }
            for run in evaluations
        ],
    }
    write_text(out / "report.json", json.dumps(data, indent=2, allow_nan=False) + "\n")
    page = _template().render(
        title=title,
        version=__version__,
        runs=evaluations,
        names=names_of(evaluations),
        cell=_cell,
        best={name: _best(name, evaluations) for name in names_of(evaluations)},
        plots=[_plot(name, evaluations) for name in names_of(evaluations)],
        width=_WIDTH,
        row=_ROW,
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
    ends = [0.0]
    for _, figure in found:
        ends += [end for end in (figure.value, *(figure.interval or ())) if math.isfinite(end)]
    low, high = min(ends), max(ends)
    scale = (_WIDTH - _LEFT - _RIGHT) / ((high - low) or 1.0)

    def place(value: float) -> float:
        value = min(max(value, low), high) if not math.isnan(value) else 0.0
        return _LEFT + (value - low) * scale

    bars = []
    for row, (number, figure) in enumerate(found):
        left, right = sorted((place(0), place(figure.value)))
        interval = figure.interval and (place(figure.interval[0]), place(figure.interval[1]))
        bars.append(
            Bar(
                number, _TOP + row * _ROW, left, right - left, interval, f"{figure.value:.4g}",
                figure.comparable,
            )
        )  # fmt: skip
    better = "lower is better" if name in _LOWER_IS_BETTER else "higher is better"
    height = 2 * _TOP + _ROW * len(found)
    return Plot(name, _NEITHER.get(name, better), height, place(0), bars)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("crossimage"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("evaluation.html")
