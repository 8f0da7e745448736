"""A run's page: facts, loss curves and sample sheets over time, in one HTML file.

The page needs neither network nor server; it links to the sheets by relative paths.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from crossimage.training.advice.use import UsageHint
from crossimage.training.environment import command_words
from crossimage.training.loss_table import read_rows
from crossimage.training.resume import read_facts
from crossimage.utils.files import write_text
from crossimage.utils.html import page_template
from crossimage.utils.plots.curves import FRAME, CurvePlot, Points, plot_of
from crossimage.utils.sheet_files import sheet_files
from crossimage.utils.streams import printable


def write_page(
    run: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    use: UsageHint | None = None,
    ended: dict[str, str] | None = None,
) -> None:
    """Write ``RUN/index.html`` from ``RUN/metrics.csv`` and the sample sheets.

    Args:
        run: The run's folder; losses and samples may still be missing.
        title: Heading of the page.
        facts: Values below it by caption: method, data, step, speed, time left.
        use: What uses the model; it is shown once there is a model.
        ended: If the run has ended, the commands or calls that come next, by purpose.

    Raises:
        OSError: The page cannot be written; a previous one is kept.
    """
    players: dict[str, list[tuple[str, CurvePlot]]] = {}
    for name, points in _losses(run / "metrics.csv").items():
        player, _, term = name.partition("/")
        players.setdefault(player, []).append((term, plot_of([points])))
    record = read_facts(run / "environment.json")
    called = isinstance(record.get("call"), str)
    commands = _started_with(run, record, going=ended is None)
    if ended is not None:  # a call that continues the run is the one that started it
        repeated = set(ended.values())
        commands = {name: text for name, text in commands.items() if text not in repeated} | ended
    elif use and (run / "model.safetensors").exists():
        commands["use its model"] = use.call if called else use.command
    page = page_template("run.html").render(
        printable=printable,
        title=title,
        facts=facts,
        players=players,
        frame=FRAME,
        commands=commands,
        called=called,
        folder=str(record.get("folder", "")),
        ended=ended is not None,
        sheets=[(step, f"samples/{path.name}") for step, path in sheet_files(run)],
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
    )
    write_text(run / "index.html", page)


def _started_with(run: Path, record: Mapping[str, Any], *, going: bool) -> dict[str, str]:
    """Return the command or call that started a run, and what continues it, by caption."""
    if isinstance(call := record.get("call"), str):
        return {"started with; the same call continues it" if going else "started with": call}
    commands = {}
    command = command_words(record.get("command"))
    if command and "--resume" not in command:  # what is resumed may have started elsewhere
        commands["started with"] = shlex.join(command)
    if command and going:
        resume = ["crossimage", "train", "--resume", str(run)]
        commands["continue it if it stops"] = shlex.join(resume)
    return commands


def _losses(path: Path) -> dict[str, Points]:
    """Read the finite (step, value) pairs of every ``player/term``."""
    losses: dict[str, Points] = {}
    for row in read_rows(path):
        for name, value in row.losses.items():
            if math.isfinite(value):
                losses.setdefault(name, []).append((row.step, value))
    return losses
