"""A run's page: facts, loss curves and sample sheets over time, in one HTML file.

The page needs neither network nor server; it links to the sheets by relative paths.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from crossimage.training.loss_table import read_rows
from crossimage.training.resume import read_facts
from crossimage.utils.files import write_text
from crossimage.utils.html import page_template
from crossimage.utils.plots.curves import FRAME, Plot, Points, plot_of
from crossimage.utils.sheet_files import sheet_files
from crossimage.utils.streams import printable


def write_page(
    run: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    use: Sequence[str] = (),
    ended: Mapping[str, str] | None = None,
) -> None:
    """Write ``RUN/index.html`` from ``RUN/metrics.csv`` and the sample sheets.

    Args:
        run: The run's folder; losses and samples may still be missing.
        title: Heading of the page.
        facts: Values below it by caption: method, data, step, speed, time left.
        use: Arguments of the command that uses the model; it is shown once there is a model.
        ended: If the run has ended, the commands that come next, by purpose.

    Raises:
        OSError: The page cannot be written; a previous one is kept.
    """
    players: dict[str, list[tuple[str, Plot]]] = {}
    for name, points in _losses(run / "metrics.csv").items():
        player, _, term = name.partition("/")
        players.setdefault(player, []).append((term, plot_of([points])))
    record = read_facts(run / "environment.json")
    command = _command(record.get("command"))
    commands = {}
    if command and "--resume" not in command:  # what is resumed may have started elsewhere
        commands["started with"] = shlex.join(command)
    commands |= _while_it_trains(run, use, bool(command)) if ended is None else ended
    page = page_template("run.html").render(
        printable=printable,
        title=title,
        facts=facts,
        players=players,
        frame=FRAME,
        commands=commands,
        folder=str(record.get("folder", "")),
        ended=ended is not None,
        sheets=[(step, f"samples/{path.name}") for step, path in sheet_files(run)],
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
    )
    write_text(run / "index.html", page)


def _command(recorded: object) -> list[str]:
    """Return the words of the command that runs; none if it is another program's."""
    with suppress(ValueError, IndexError):  # the page does without it
        words = shlex.split(str(recorded or ""))
        program = Path(words[0])
        if program.stem == "crossimage" or program.parts[-2:] == ("crossimage", "__main__.py"):
            return ["crossimage", *words[1:]]
    return []


def _while_it_trains(run: Path, use: Sequence[str], resumable: bool) -> dict[str, str]:
    """Return the commands that continue a run that is training, and use its model, by caption."""
    commands = {}
    if resumable:
        resume = shlex.join(["crossimage", "train", "--resume", str(run)])
        commands["continue it if it stops"] = resume
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
