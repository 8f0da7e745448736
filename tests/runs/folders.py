"""Folders of runs as training leaves them, without training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from crossimage.config import to_dict, write_yaml
from crossimage.methods import METHODS
from crossimage.training.loss_table import LossRow, append_row
from crossimage.utils.files import write_text
from crossimage.utils.sheet_files import save_sheet

LOSSES = ("discriminators/adversarial", "generators/cycle")


def run_folder(
    run: Path,
    method: str = "cyclegan",
    *,
    steps: Sequence[int] = (10, 20, 30, 40),
    rate: float = 2.0,
    losses: Sequence[str] = LOSSES,
    sheets: Sequence[int] = (0, 20, 40),
    environment: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Path:
    """Make the folder of a run.

    Args:
        run: The folder.
        method: The method's name.
        steps: Steps of its rows of losses.
        rate: Steps per second.
        losses: Names of the losses; each falls as 1 / step.
        sheets: Steps with sample sheets.
        environment: What its environment tells besides.
        settings: Settings other than the method's defaults.
    """
    run.mkdir(parents=True, exist_ok=True)
    config = METHODS[method].Config(steps=40, **settings)
    write_text(run / "config.yaml", write_yaml({"method": method, **to_dict(config)}))
    facts: dict[str, Any] = {
        "data": "photos", "folder": "/home/me", "device": "a GPU", "processes": 1,
        "versions": {"python": "3.12.1", "torch": "2.9.0"},
    }  # fmt: skip
    write_text(run / "environment.json", json.dumps(facts | dict(environment or {})))
    for step in steps:
        values = {name: 1 / step for name in losses}
        append_row(run / "metrics.csv", LossRow(step, step / rate, 1e-4, values))
    for step in sheets:
        save_sheet(Image.new("RGB", (48, 32), (step, 0, 0)), run, step)
    return run


def report(
    path: Path,
    runs: Mapping[str, str],
    names: Mapping[str, float],
    *,
    facts: Mapping[str, str] | None = None,
    **changes: Any,
) -> None:
    """Write a report of an evaluation.

    Args:
        path: The file.
        runs: The runs that were evaluated, by title.
        names: Values of the figures, which all runs have.
        facts: Facts about all runs besides.
        changes: What differs from the usual protocol.
    """
    figure = {"interval": None, "count": 50, "protocol": "of 50 images", "seed": 0} | changes
    entries = [
        {
            "title": title,
            "facts": {"model": run, "data": "photos"} | dict(facts or {}),
            "figures": [figure | {"name": name, "value": value} for name, value in names.items()],
        }
        for title, run in runs.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    named = list(dict.fromkeys(runs.values()))
    whole = {"settings": {"runs": named}, "runs": entries}
    path.write_text(json.dumps(whole), encoding="utf-8")
