"""Everything that the folder of a run records about it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from crossimage.config import read_yaml
from crossimage.runs.listing import RunSummary, read_summary
from crossimage.runs.reports import Figures, reported_figures
from crossimage.training.loss_table import LossRow, read_table
from crossimage.training.resume import near_run_hint, read_facts
from crossimage.utils.plots.curves import Points
from crossimage.utils.sheet_files import sheet_files


@dataclass(frozen=True)
class RunRecord:
    """A run as recorded in its folder; it may have moved, be unfinished or lack files.

    Attributes:
        title: What it is called beside others.
        summary: Its method, data, steps and state.
        settings: Its settings by dotted name.
        facts: Its environment: command, data, versions, hardware; empty if that is not recorded.
        rows: Its losses and figures over time.
        unreadable: Number of lines of their table that can't be read.
        sheets: Its sample sheets by step.
        figures: Figures of reports of its evaluation, by name and direction.
        notes: What is missing or damaged, one sentence each.
    """

    title: str
    summary: RunSummary
    settings: dict[str, Any]
    facts: dict[str, Any]
    rows: list[LossRow]
    unreadable: int
    sheets: dict[int, Path]
    figures: Figures
    notes: list[str]

    @property
    def run(self) -> Path:
        """Its folder."""
        return self.summary.run

    @property
    def seconds(self) -> float | None:
        """Training time so far; None: not recorded."""
        return self.rows[-1].seconds if self.rows else None

    @cached_property
    def rate(self) -> float | None:
        """Steps per second in the last tenth of its rows; None: not recorded."""
        last = self.rows[-max(2, len(self.rows) // 10) :]
        if len(last) < 2:
            return None
        steps, seconds = last[-1].step - last[0].step, last[-1].seconds - last[0].seconds
        return steps / seconds if steps > 0 and seconds > 0 else None

    @property
    def data(self) -> Any:
        """Its data set, with absolute paths where they are recorded; None: not recorded."""
        data, folder = self.facts.get("data"), self.facts.get("folder")
        if isinstance(data, str) and isinstance(folder, str) and not set(data) & set("=,"):
            return os.path.normpath(os.path.join(folder, data))
        return data

    def curve(self, name: str, *, by_time: bool = False) -> Points:
        """Return the finite values of a loss or figure over steps, or over seconds."""
        return [
            (row.seconds if by_time else row.step, row.losses[name])
            for row in self.rows
            if math.isfinite(row.losses.get(name, math.nan)) and math.isfinite(row.seconds)
        ]


def read_run(run: Path, title: str) -> RunRecord:
    """Read the folder of a run.

    Args:
        run: The folder.
        title: What it is called beside others.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is not the folder of a run.
    """
    listed = "`crossimage runs DIR` lists the runs in a folder"
    if not run.exists():
        raise FileNotFoundError(f"there is no run {run}{near_run_hint(run) or f'; {listed}'}")
    if not run.is_dir():
        raise ValueError(f"{run} is a file; expected the folder of a run, and {listed}")
    file = run / "config.yaml"
    if not file.is_file():
        raise ValueError(f"{run} is not the folder of a run: it has no config.yaml; {listed}")
    settings = read_yaml(file)  # says what is wrong with it
    summary = read_summary(run)
    if summary is None:
        raise ValueError(f"{file} does not name the method of a run, so it is not one; {listed}")
    settings.pop("method")
    environment, table = run / "environment.json", run / "metrics.csv"
    facts = read_facts(environment)
    rows, unreadable = read_table(table)
    figures, damaged = reported_figures(run)
    notes = [f"{path} can't be read as a report, so its figures are left out" for path in damaged]
    if not facts:
        state = "can't be read" if environment.is_file() else "is missing"
        notes.append(f"{environment} {state}: data, versions and hardware of {title} are not known")
    if unreadable:
        lines = "1 line" if unreadable == 1 else f"{unreadable:,} lines"
        notes.append(f"{lines} of {table} can't be read and {'is' if unreadable == 1 else 'are'} "
                     "left out")  # fmt: skip
    if not rows:
        notes.append(f"{title} has no losses{'' if unreadable else ' yet'}: {table} holds no rows")
    notes += [
        f"{aside} holds earlier rows of {title}, which another program has changed; they are left "
        "out"
        for aside in sorted(run.glob("metrics-*.csv"))
    ]
    if summary.state == "running":
        notes.append(f"{title} is still training; compare again for its later steps")
    return RunRecord(
        title, summary, _flat(settings), facts, rows, unreadable, dict(sheet_files(run)), figures,
        notes,
    )  # fmt: skip


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted name."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
