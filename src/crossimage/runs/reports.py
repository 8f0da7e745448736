"""Figures of a run in reports of ``crossimage evaluate``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossimage.training.resume import read_facts
from crossimage.utils.names import titles_of

DEFAULT_FOLDER = Path("evaluation")
"""Where ``crossimage evaluate`` writes reports unless another folder is named."""


@dataclass(frozen=True)
class ReportedFigure:
    """A figure of a report.

    Attributes:
        text: Its value, with half the width of its interval.
        measured: How it was measured, such as protocol, seed and data; equal if comparable.
        report: The report.
    """

    text: str
    measured: tuple[str, ...]
    report: Path


def reported_figures(run: Path) -> tuple[dict[str, ReportedFigure], list[Path]]:
    """Return the newest figures of a run by name, and the reports in its folder that are damaged.

    Reports are looked for in the run's folder and in ``evaluation``, where ``crossimage evaluate``
    writes them by default.
    """
    own = set(run.glob("**/report*.json"))
    figures: dict[str, ReportedFigure] = {}
    damaged = []
    for path in sorted(own | {*DEFAULT_FOLDER.glob("report*.json")}, key=_age):
        report = read_facts(path)
        if not report and path in own:
            damaged.append(path)
        for entry in _entries(report, run, path in own):
            for figure in _list(entry.get("figures")):
                name, value = figure.get("name"), figure.get("value")
                if isinstance(name, str) and isinstance(value, int | float):
                    figures[name] = ReportedFigure(_text(figure), _measured(entry, figure), path)
    return figures, damaged


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, str(path)
    except OSError:  # removed meanwhile
        return 0.0, str(path)


def _entries(report: dict[str, Any], run: Path, own: bool) -> Iterator[dict[str, Any]]:
    """Yield the results of a run in a report, which may be of several."""
    entries, settings = _list(report.get("runs")), report.get("settings")
    named = settings.get("runs") if isinstance(settings, dict) else None
    paths = [path for path in named if isinstance(path, str)] if isinstance(named, list) else []
    if own and len(paths) < 2:
        yield from entries
        return
    for path, title in zip(paths, titles_of(paths), strict=True):
        if Path(path).resolve() == run.resolve():
            for entry in entries:
                facts = entry.get("facts")
                if title in (
                    entry.get("title"),
                    facts.get("model") if isinstance(facts, dict) else None,
                ):
                    yield entry


def _list(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(figure: dict[str, Any]) -> str:
    interval = figure.get("interval")
    text = f"{figure['value']:.4g}"
    if (
        isinstance(interval, list)
        and len(interval) == 2
        and all(isinstance(end, int | float) for end in interval)
    ):
        low, high = interval
        text += f" ± {(high - low) / 2:.2g}"
    return text


def _measured(entry: dict[str, Any], figure: dict[str, Any]) -> tuple[str, ...]:
    facts = entry.get("facts")
    about = facts if isinstance(facts, dict) else {}
    parts = [figure.get(key) for key in ("protocol", "count", "seed", "variant", "library")]
    parts += [about.get(key) for key in ("data", "direction", "preparation")]
    return tuple(map(str, parts))
