"""The runs below a folder: method, data, progress and state."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from crossimage.checkpoints.run_folder import is_locked, newest_checkpoint
from crossimage.config import read_yaml
from crossimage.training.best.standing import has_ended_early, read_standing
from crossimage.training.resume import read_facts
from crossimage.utils.names import near_path_hint

State = Literal["running", "finished", "ended early", "stopped", "diverged", "not begun"]


@dataclass(frozen=True)
class RunSummary:
    """A run as recorded in its folder.

    Attributes:
        run: The folder.
        method: Name of the method.
        data: The data set, as the user named it.
        step: Steps of the newest checkpoint.
        steps: Steps in all.
        state: ``running``: a process has locked the folder; ``finished``; ``ended early``: its
            figure did not improve any more; ``stopped`` before its last step; ``diverged``: its
            numbers were not finite; ``not begun``: no checkpoint yet.
        figure: The figure of its best model, such as ``kid 0.031 at step 600``, or the first one of
            a report in its folder; empty: none.
        changed: When the newest checkpoint was written; None: there is none.
    """

    run: Path
    method: str
    data: str
    step: int
    steps: int
    state: State
    figure: str
    changed: datetime | None


def list_runs(folder: Path) -> list[RunSummary]:
    """Return the runs in a folder and in its sub-folders, or the folder itself if it is a run.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: There is no run.
    """
    if not folder.is_dir():
        advice = "; name the folder of your runs: `crossimage runs DIR`"
        hint = near_path_hint(folder, os.path.isdir) or advice
        raise FileNotFoundError(f"there is no folder {folder}{hint}")
    found = [summary for path in sorted(_places(folder)) if (summary := read_summary(path))]
    if not found:
        raise ValueError(f"{folder} holds no run; a run is started with `crossimage train`")
    return found


def _places(folder: Path) -> list[Path]:
    """Return the folders with settings of a run, no deeper than two levels."""
    return [
        path.parent for level in ("", "*/", "*/*/") for path in folder.glob(f"{level}config.yaml")
    ]


def read_summary(run: Path) -> RunSummary | None:
    """Read the summary of a run from its folder; None if it is not the folder of a run."""
    try:
        settings = read_yaml(run / "config.yaml")
    except (OSError, ValueError):
        return None
    if not isinstance(settings.get("method"), str):
        return None
    steps = settings.get("steps")
    newest = newest_checkpoint(run)
    step = int(newest.stem.rpartition("-")[2]) if newest else 0
    total = steps if isinstance(steps, int) else step
    state: State
    if is_locked(run):
        state = "running"
    elif not newest:
        state = "not begun"
    elif step >= total:
        state = "finished"
    else:
        state = "ended early" if has_ended_early(run, step) else "stopped"
    facts = read_facts(run / "environment.json")
    if state == "stopped" and "diverged" in facts:
        state = "diverged"
    changed = _changed(newest) if newest else None
    return RunSummary(
        run,
        settings["method"],
        _data_set(facts.get("data")),
        step,
        total,
        state,
        _best(run) or _figure(run),
        datetime.fromtimestamp(changed) if changed is not None else None,
    )


def _data_set(data: object) -> str:
    """Return a recorded data set as the user named it; empty if it is not recorded."""
    if isinstance(data, dict | list):
        return ",".join(map(str, data))
    return data if isinstance(data, str) else ""


def _best(run: Path) -> str:
    """Return the figure of a run's best model; empty if none was chosen."""
    standing = read_standing(run)
    return standing.describe(standing.best) if standing and standing.best else ""


def _changed(path: Path) -> float | None:
    """Return when a file was changed; None if a running training has just replaced it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _figure(run: Path) -> str:
    """Return the first figure of the newest report in a run's folder."""
    reports = sorted(run.glob("**/report*.json"), key=lambda path: _changed(path) or 0)
    runs = read_facts(reports[-1]).get("runs", []) if reports else []
    for run_data in runs if isinstance(runs, list) else []:
        values = run_data.get("values") if isinstance(run_data, dict) else None
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, int | float):
                return f"{name} {value:.4g}"
    return ""
