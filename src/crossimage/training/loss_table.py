"""A run's losses over time, in ``RUN/metrics.csv``: written row by row, and read back."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from crossimage.utils.files import write_text
from crossimage.utils.reading import open_data, read_data
from crossimage.utils.writing.temporary import open_regular

_COMMON = ("step", "seconds", "learning_rate")


@dataclass(frozen=True)
class LossRow:
    """One row of the table.

    Attributes:
        step: Steps made so far.
        seconds: Training time so far.
        learning_rate: Learning rate of the last step.
        losses: Mean of each loss term since the previous row, by ``player/term``; terms of another
            stage are left out. Figures of an evaluation at this step are under ``validation/``.
    """

    step: int
    seconds: float
    learning_rate: float
    losses: Mapping[str, float]


def append_row(path: Path, row: LossRow) -> Path | None:
    """Append a row, adding columns for terms that are new.

    Returns:
        None; or, if another program has changed the table so that rows cannot be added, the path
        that it was renamed to. The row then starts a new table.
    """
    values = {
        "step": row.step,
        "seconds": f"{row.seconds:.2f}",
        "learning_rate": f"{row.learning_rate:.6g}",
        **{name: f"{value:.6g}" for name, value in row.losses.items()},
    }
    header = _own_header(path)
    aside = _put_aside(path) if header is None else None
    header = header or []
    if not values.keys() <= set(header):  # the first row of the table, or of a stage
        header += [name for name in values if name not in header]
        _widen(path, header)
    handle = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with open(handle, "a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, header).writerow(values)
    return aside


def drop_rows_after(path: Path, step: int) -> Path | None:
    """Drop the rows after a step, and a last row that a kill cut short.

    The table is normalised if a spreadsheet has saved the same columns and numbers differently.

    Returns:
        None; or, if another program has changed the table so that it cannot be read, the path that
        it was renamed to.
    """
    if not path.is_file():
        return None
    text = read_data(path).decode("utf-8-sig", errors="replace")
    try:
        header, *lines = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    except csv.Error:
        return _put_aside(path)
    if lines and not text.endswith(("\n", "\r")):
        lines.pop()
    kept = []
    for line in lines:
        try:
            number = float(line[0])
        except (IndexError, ValueError):
            number = float("nan")
        if len(line) != len(header) or not number.is_integer():
            return _put_aside(path)
        if number <= step:
            kept.append([str(int(number)), *line[1:]])
    if kept and tuple(header[: len(_COMMON)]) != _COMMON:
        return _put_aside(path)
    table = io.StringIO(newline="")
    csv.writer(table).writerows([header, *kept] if kept else [])
    write_text(path, table.getvalue())
    return None


def read_rows(path: Path) -> list[LossRow]:
    """Read the table in the order of its steps; an empty list if there is none yet.

    Rows that a kill cut short are skipped, and the later one of two rows of one step counts.
    """
    return read_table(path)[0]


def read_table(path: Path) -> tuple[list[LossRow], int]:
    """Read the table as :func:`read_rows` does, and count the lines that can't be read."""
    if not path.is_file():
        return [], 0
    rows: dict[int, LossRow] = {}
    text = read_data(path).decode("utf-8-sig", errors="replace")
    unreadable = 0
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(lines, [])
        unreadable += bool(header) and not {*_COMMON} <= {*header}
        for line in lines:
            values = dict(zip(header, line, strict=False))
            try:
                if len(line) != len(header):
                    raise ValueError
                made, seconds, rate = (float(values.pop(name)) for name in _COMMON)
                step = int(made)
                losses = {name: float(text) for name, text in values.items() if text}
            except (KeyError, ValueError, OverflowError):
                unreadable += bool(line)
                continue
            rows[step] = LossRow(step, seconds, rate, losses)
    except csv.Error:  # a cell of more than 100,000 characters
        unreadable += len(text.splitlines()) - lines.line_num + 1
    return [rows[step] for step in sorted(rows)], unreadable


def _own_header(path: Path) -> list[str] | None:
    """Return the table's columns, none if it does not exist; None if no rows can be added."""
    if not path.is_file() or not path.stat().st_size:
        return []
    with open_data(path) as file:
        first = file.readline().decode(errors="replace")
        file.seek(-1, os.SEEK_END)
        whole = file.read() == b"\n"
    header = next(csv.reader([first]), [])
    return header if whole and tuple(header[: len(_COMMON)]) == _COMMON else None


def _put_aside(path: Path) -> Path:
    """Rename the table to the first free name of ``metrics-1.csv``, ``metrics-2.csv``, ..."""
    number = 1
    while (aside := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(aside)


def _widen(path: Path, header: list[str]) -> None:
    """Rewrite the table with more columns, or create it."""
    rows: list[dict[str, str]] = []
    if path.is_file():
        with TextIOWrapper(open_data(path), "utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
