"""A run's page: facts, loss curves and sample sheets over time, in one HTML file.

The page needs neither network nor server; it links to the sheets by relative paths.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crossimage.training.loss_table import read_rows
from crossimage.utils.files import write_text
from crossimage.utils.html import page_template
from crossimage.utils.sheet_files import sheet_files

Points = list[tuple[float, float]]

_WIDTH, _HEIGHT = 340, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 8, 22
_MAX_POINTS = 400


@dataclass(frozen=True)
class Plot:
    """A loss curve in the coordinates of its drawing.

    Attributes:
        name: The loss term.
        last: Its last value.
        raw: Points of the curve, in SVG's notation.
        smooth: Points of the smoothed curve.
        x_ticks: Positions and labels.
        y_ticks: Positions and labels.
    """

    name: str
    last: str
    raw: str
    smooth: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


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
    players: dict[str, list[Plot]] = {}
    for name, points in _losses(run / "metrics.csv").items():
        player, _, term = name.partition("/")
        players.setdefault(player, []).append(_plot(term, points))
    frame = {"width": _WIDTH, "height": _HEIGHT, "left": _LEFT, "right": _WIDTH - _RIGHT}
    page = page_template("run.html").render(
        title=title,
        facts=facts,
        players=players,
        frame=frame | {"top": _TOP, "bottom": _HEIGHT - _BOTTOM},
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
        facts = json.loads((run / "environment.json").read_text(encoding="utf-8"))
        words = shlex.split(facts["command"])
        if Path(words[0]).name == "crossimage":
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


def _plot(name: str, points: Points) -> Plot:
    raw, smooth = _thin(points), _thin(_smooth(points))
    ordered = sorted(value for _, value in raw)
    outliers = len(ordered) // 50  # on each side; spikes must not flatten the rest
    shown = ordered[outliers : len(ordered) - outliers] + [value for _, value in smooth]
    low, high = min(shown), max(shown)
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - margin, high + margin
    first, last = points[0][0], points[-1][0]
    if first == last:
        first, last = first - 1, last + 1

    def to_x(step: float) -> float:
        return _LEFT + (step - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def to_y(value: float) -> float:
        y = _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return min(max(y, _TOP), _HEIGHT - _BOTTOM)

    def polyline(line: Points) -> str:
        line = line * 2 if len(line) == 1 else line  # a single point would not be drawn
        return " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in line)

    return Plot(
        name=name,
        last=f"{points[-1][1]:.4g}",
        raw=polyline(raw),
        smooth=polyline(smooth),
        x_ticks=[(to_x(x), _short(x)) for x in _ticks(first, last) if x == int(x)],
        y_ticks=[(to_y(y), f"{y:.4g}") for y in _ticks(low, high)],
    )


def _smooth(points: Points) -> Points:
    """Return a running mean whose memory is a fortieth of the points."""
    keep = 1 - 1 / max(len(points) / 40, 1)
    total = weight = 0.0
    smoothed = []
    for step, value in points:
        total, weight = keep * total + value, keep * weight + 1
        smoothed.append((step, total / weight))
    return smoothed


def _thin(points: Points) -> Points:
    """Reduce to at most 400 points, means of neighbouring ones; the last point is kept."""
    size = math.ceil(len(points) / _MAX_POINTS)
    if size <= 1:
        return points
    groups = (points[i : i + size] for i in range(0, len(points), size))
    thinned = [(_mean([x for x, _ in group]), _mean([y for _, y in group])) for group in groups]
    return [*thinned[:-1], points[-1]]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers between two values."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _short(step: float) -> str:
    """Abbreviate a number of steps: 800, 12k, 1.5M."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if abs(step) >= unit:
            return f"{step / unit:.4g}{name}"
    return f"{step:.0f}"
