"""``crossimage runs`` and ``crossimage info``."""

from __future__ import annotations

from typing import Annotated

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import Model
from crossimage.utils.files import as_path
from crossimage.utils.streams import printable

Folder = Annotated[str, tyro.conf.arg(metavar="DIR")]


def runs(folder: Positional[Folder] = "runs") -> None:
    """List the runs in a folder: method, data, steps, state and figure.

    Args:
        folder: The folder that holds the runs.
    """
    from crossimage.runs.listing import list_runs

    rows = [("run", "method", "steps", "state", "last saved", "figure", "data")]
    for run in list_runs(as_path(folder, "DIR")):
        saved = f"{run.changed:%Y-%m-%d %H:%M}" if run.changed else ""
        steps = f"{run.step:,}/{run.steps:,}"
        rows.append((str(run.run), run.method, steps, run.state, saved, run.figure, run.data))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(printable("  ".join(cells).rstrip()))


def info(model: Positional[Model]) -> None:
    """Say what a run, a model file or a checkpoint is, and how it is used.

    Args:
        model: A run folder, a model file or a checkpoint.
    """
    from crossimage.runs.info import describe

    facts = describe(as_path(model, "MODEL"))
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(printable(f"{name:{width}}  {value}"))
