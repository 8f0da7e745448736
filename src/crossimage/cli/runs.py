"""``crossimage runs``, ``crossimage info`` and ``crossimage compare``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import Model
from crossimage.cli.early import check_early
from crossimage.utils.paths import as_path
from crossimage.utils.streams import print_line

Folder = Annotated[str, tyro.conf.arg(metavar="DIR")]
Runs = Annotated[tuple[str, ...], tyro.conf.arg(metavar="RUN RUN...")]
Page = Annotated[str, tyro.conf.arg(metavar="FILE.html")]


def runs(folder: Positional[Folder] = "runs") -> None:
    """List the runs in a folder: method, data, steps, state and figure.

    Args:
        folder: The folder that holds the runs.
    """
    from crossimage.runs.listing import list_runs

    rows = [["run", "method", "steps", "state", "last saved", "figure", "data"]]
    for run in list_runs(as_path(folder, "DIR")):
        saved = f"{run.changed:%Y-%m-%d %H:%M}" if run.changed else ""
        steps = f"{run.step:,}/{run.steps:,}"
        rows.append([str(run.run), run.method, steps, run.state, saved, run.figure, run.data])
    _print_table(rows)


def info(model: Positional[Model]) -> None:
    """Say what a run, a model file or a checkpoint is, and how to use it.

    Args:
        model: A run folder, a model file or a checkpoint.
    """
    check_early(model)
    from crossimage.runs.info import describe

    facts = describe(model)
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print_line(f"{name:{width}}  {value}")


def compare(runs: Positional[Runs] = (), out: Page = "compare.html") -> None:
    """Compare runs: settings that differ, losses, figures and samples on one page.

    Args:
        runs: The folders of two or more runs; `crossimage runs` lists them.
        out: The page to write (.html); an earlier comparison is replaced.
    """
    from crossimage.runs.comparison import compare_runs
    from crossimage.runs.comparison_page import write_comparison

    page = as_path(out, "--out")
    comparison = compare_runs([as_path(run, "RUN") for run in runs])
    notes = [*comparison.notes, *write_comparison(comparison, page)]
    _print_table(
        [
            ["", *comparison.titles],
            *([row.name, *row.values] for row in comparison.facts if row.differs),
            ["settings that differ"] if comparison.settings else ["no setting differs"],
            *([f"  {row.name}", *row.values] for row in comparison.settings),
            *([["figures"]] if comparison.figures else []),
            *([f"  {row.name}", *row.values, row.note] for row in comparison.figures),
        ]
    )
    for note in notes:
        print_line(f"– {note}")
    print_line(f"page  {page}")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows whose cells are aligned; a row of a single cell is a heading."""
    columns = max(len(row) for row in rows)
    widths = [
        max((len(row[i]) for row in rows if i < len(row) > 1), default=0) for i in range(columns)
    ]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        print_line("  ".join(cells).rstrip())
