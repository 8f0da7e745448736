"""A run's page: facts, loss curves and sample sheets over time, in one HTML file.

The page needs neither network nor server; it links to the sheets by relative paths.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from crossimage.training.loss_table import read_rows
from crossimage.utils.files import write_text
from crossimage.utils.html import page_template
from crossimage.utils.plots.curves import FRAME, Plot, Points, plot_of
from crossimage.utils.sheet_files import sheet_files
from crossimage.utils.texts.json_text import read_json


def write_page(run: Path, *, title: str, facts: Mapping[str, str], use: Sequence[str] = ()) -> None:
    """Write ``RUN/index.html`` from ``RUN/metrics.csv`` and the sample sheets.

    Args:
        run: The run's folder; losses and samples may still be missing.
        title: Heading of the page.
        facts: Values below it by caption: method, data, step, speed, time left.
        use: Arguments of the command that uses the model; it is shown once there is a model.

    Raises:
        OSError: The page cannot be written; a previous one is kept.
    """
    players: dict[str, list[tuple[str, Plot]]] = {}
    for name, points in _losses(run / "metrics.csv").items():
        player, _, term = name.partition("/")
        players.setdefault(player, []).append((term, plot_of([points])))
    page = page_template("run.html").render(
        title=title,
        facts=facts,
        players=players,
        frame=FRAME,
        commands=_commands(run, use),
        sheets=[(step, f"samples/{path.name}") for step, path in sheet_files(run)],
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
    )
    write_text(run / "index.html", page)


def _commands(run: Path, use: Sequence[str]) -> dict[str, str]:
    """Return the command that started a run, where it is recorded, and those for what comes next.

    Their paths are as seen from the folder in which the run was started.
    """
    commands = {}
    try:
        facts = read_json(run / "environment.json")
        words = shlex.split(facts["command"])
        program = Path(words[0])
        if program.stem == "crossimage" or program.parts[-2:] == ("crossimage", "__main__.py"):
            commands["started with"] = shlex.join(["crossimage", *words[1:]])
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        pass  # the page does without it
    if commands:
        commands["continue it if it stops"] = shlex.join(
            ["crossimage", "train", "--resume", str(run)]
        )
    if use and (run / "model.safetensors").exists():
        commands["use its model"] = f"{shlex.join(['crossimage', *use])} --out DIR"
    return commands


def _losses(path: Path) -> dict[str, Points]:
    """Read the finite (step, value) pairs of every ``player/term``."""
    losses: dict[str, Points] = {}
    for row in read_rows(path):
        for name, value in row.losses.items():
            if math.isfinite(value):
                losses.setdefault(name, []).append((row.step, value))
    return losses
