"""A run's losses over time, in ``RUN/metrics.csv``: written row by row, and read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crossimage.utils.files import write_text

_COMMON = ("step", "seconds", "learning_rate")


@dataclass(frozen=True)
class LossRow:
    """One row of the table.

    Attributes:
        step: Steps made so far.
        seconds: Training time so far.
        learning_rate: Learning rate of the last step.
        losses: Mean of each loss term since the row before, by ``player/term``; terms of another
            stage are left out.
    """

    step: int
    seconds: float
    learning_rate: float
    losses: Mapping[str, float]


def append_row(path: Path, row: LossRow) -> None:
    """Append a row, adding columns for terms that are new."""
    values = {
        "step": row.step,
        "seconds": f"{row.seconds:.2f}",
        "learning_rate": f"{row.learning_rate:.6g}",
        **{name: f"{value:.6g}" for name, value in row.losses.items()},
    }
    header = _header(path)
    if not values.keys() <= set(header):  # the first row of the table, or of a stage
        header += [name for name in values if name not in header]
        _widen(path, header)
    with open(path, "a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, header).writerow(values)


def drop_rows_after(path: Path, step: int) -> None:
    """Drop the rows after a step, and a last row that a kill cut short."""
    if not path.is_file():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    kept = [r for r in rows if r.endswith("\n") and int(r.partition(",")[0]) <= step]
    write_text(path, "".join([header, *kept]) if kept else "")


def read_rows(path: Path) -> list[LossRow]:
    """Read the table in the order of the steps; an empty list where there is none yet.

    Rows that a kill cut short are skipped, and the later one of two rows of one step counts.
    """
    if not path.is_file():
        return []
    rows: dict[int, LossRow] = {}
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        for line in lines:
            values = dict(zip(header, line, strict=False))
            try:
                if len(line) != len(header):
                    continue
                step, seconds, rate = (float(values.pop(name)) for name in _COMMON)
                losses = {name: float(text) for name, text in values.items() if text}
            except (KeyError, ValueError):
                continue
            rows[int(step)] = LossRow(int(step), seconds, rate, losses)
    return [rows[step] for step in sorted(rows)]


def _header(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _widen(path: Path, header: list[str]) -> None:
    """Rewrite the table with more columns, or create it."""
    rows: list[dict[str, str]] = []
    if path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
