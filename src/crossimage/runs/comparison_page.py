"""The page of a comparison: tables, curves over one another, sheets side by side, in one file."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image

from crossimage._version import __version__
from crossimage.runs.comparison import Comparison
from crossimage.utils.files import write_text
from crossimage.utils.html import page_template
from crossimage.utils.plots.curves import FRAME, CurvePlot, Points, plot_of
from crossimage.utils.reading import open_data
from crossimage.utils.streams import printable
from crossimage.utils.texts.counts import listed
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.pictures import data_url

_MARK = '<meta name="generator" content="crossimage compare">'
"""What an earlier comparison is recognised by."""
_STEPS = 6  # steps whose sheets are shown, at most
_WIDEST = 1200  # pixels of a sheet on the page
_UNITS = ((172_800.0, 86_400.0, "d"), (7200.0, 3600.0, "h"), (120.0, 60.0, "min"), (0.0, 1.0, "s"))
"""Seconds from which a unit of time is used, its seconds and its name."""


@dataclass(frozen=True)
class Curves:
    """The curves of one loss or figure.

    Attributes:
        name: Its name, without the player.
        runs: Indices of the runs that have it.
        by_step: The curves over steps.
        by_time: The curves over training time.
    """

    name: str
    runs: list[int]
    by_step: CurvePlot
    by_time: CurvePlot


@dataclass(frozen=True)
class Sheet:
    """A sample sheet on the page; without an image, why there is none."""

    run: int
    step: int
    source: str | None
    missing: str = ""


def write_comparison(comparison: Comparison, out: Path) -> list[str]:
    """Write the page of a comparison, in place of an earlier one.

    Args:
        comparison: The comparison.
        out: The HTML file.

    Returns:
        What is left out, one sentence each.

    Raises:
        ValueError: The file has another suffix, or is something else than a comparison.
        OSError: It can't be written.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{out} is not the name of a page; expected one that ends with .html")
    if out.is_dir():
        raise ValueError(f"{out} is a folder; name a file in it, such as {out / 'compare.html'}")
    if out.exists() and _MARK not in _start(out):
        raise ValueError(f"{out} exists and is not a comparison; choose another file with --out")
    rows, damaged = _sheets(comparison)
    notes = [*comparison.notes, *damaged]
    longest = max((r.seconds for r in comparison.records if r.seconds is not None), default=0.0)
    _, scale, unit = next(row for row in _UNITS if longest >= row[0])
    command = ["crossimage", "compare", *(str(r.run) for r in comparison.records)]
    page = page_template("comparison.html").render(
        title=f"{listed(comparison.titles)} compared",
        comparison=comparison,
        notes=notes,
        players=_curves(comparison, scale),
        unit=unit,
        frame=FRAME,
        sheets=rows,
        command=shlex.join([*command, "--out", str(out)]),
        version=__version__,
        printable=printable,
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
    )
    make_folder(out.parent)
    write_text(out, page)
    return damaged


def _start(path: Path) -> str:
    with open_data(path) as file:
        return file.read(2000).decode(errors="replace")


def _curves(comparison: Comparison, scale: float) -> dict[str, list[Curves]]:
    """Return the curves of all losses and figures by player.

    Args:
        comparison: The runs.
        scale: Seconds of a unit of the axis of time.
    """
    players: dict[str, list[Curves]] = {}
    for name in comparison.losses():
        steps, times = (_points(comparison, name, by_time) for by_time in (False, True))
        if not steps:
            continue
        player, _, term = name.partition("/")
        smoothed = player != "validation"
        series = [[(x / scale, y) for x, y in points] for points in times.values()]
        curves = Curves(
            term or player,
            list(steps),
            plot_of(list(steps.values()), smoothed=smoothed),
            plot_of(series, smoothed=smoothed, label="{:.12g}".format),
        )
        players.setdefault(player, []).append(curves)
    return players


def _points(comparison: Comparison, name: str, by_time: bool) -> dict[int, Points]:
    """Return the points of each run that has a loss or figure, by the run's index."""
    curves = (record.curve(name, by_time=by_time) for record in comparison.records)
    return {index: points for index, points in enumerate(curves) if points}


def _sheets(comparison: Comparison) -> tuple[list[tuple[str, list[Sheet]]], list[str]]:
    """Return rows of sheets under headings, and what can't be shown.

    There are rows of steps at which at least two runs have sheets, and one of the newest sheets if
    they are from other steps.
    """
    records, damaged = comparison.records, list[str]()

    def sheet(run: int, step: int) -> Sheet:
        path = records[run].sheets.get(step)
        if path is None:
            return Sheet(run, step, None, f"no sheet at step {step:,}")
        source = _embedded(path)
        if source is None:
            damaged.append(f"{path} can't be read, so the sheet is left out")
            return Sheet(run, step, None, "the sheet can't be read")
        return Sheet(run, step, source)

    counts: dict[int, int] = {}
    for record in records:
        for step in record.sheets:
            counts[step] = counts.get(step, 0) + 1
    steps = _spread(sorted(step for step, count in counts.items() if count > 1))
    rows = [(f"step {step:,}", [sheet(run, step) for run in range(len(records))]) for step in steps]
    newest = {i: max(record.sheets) for i, record in enumerate(records) if record.sheets}
    if set(newest.values()) != {*steps[-1:]}:
        cells = [
            sheet(i, newest[i]) if i in newest else Sheet(i, 0, None, "no sheets")
            for i in range(len(records))
        ]
        rows.append(("newest sheets, at different steps", cells))
    return rows, list(dict.fromkeys(damaged))


def _spread(steps: list[int]) -> list[int]:
    """Choose a few steps: the first, the last, and others whose distances grow alike."""
    if len(steps) <= _STEPS:
        return steps
    low, high = max(1, steps[1]), steps[-1]
    wanted = [low * (high / low) ** (n / (_STEPS - 2)) for n in range(_STEPS - 1)]

    def nearest(goal: float) -> int:
        return min(steps, key=lambda step: abs(step - goal))

    return sorted({steps[0], *map(nearest, wanted)})


def _embedded(path: Path) -> str | None:
    """Return a sheet as a ``data:`` URL, reduced to 1200 pixels; None if it can't be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                shown = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    shown.thumbnail((_WIDEST, shown.height))
    return data_url(shown, "WEBP", quality=85)
