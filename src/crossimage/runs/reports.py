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
NO_SEED = str(None)
"""Seed of a figure behind which nothing is random, such as of a method without styles."""


@dataclass(frozen=True)
class ReportedFigure:
    """A figure of a report.

    Attributes:
        text: Its value, with half the width of its interval.
        measured: How it was measured: protocol, count, seed, data and more.
        report: The report.
    """

    text: str
    measured: tuple[str, ...]
    report: Path

    @property
    def protocol(self) -> str:
        """How it was measured, in one sentence."""
        return self.measured[0]

    @property
    def count(self) -> str:
        """Samples behind it."""
        return self.measured[1]

    @property
    def seed(self) -> str:
        """Seed of the random choices; ``NO_SEED`` where nothing is random."""
        return self.measured[2]

    @property
    def way(self) -> tuple[str, ...]:
        """How it was measured, without the seed; the same for figures that can be compared."""
        return self.measured[:2] + self.measured[3:]


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
            figures |= _figures(entry, path)
    return figures, damaged


def _figures(entry: dict[str, Any], path: Path) -> dict[str, ReportedFigure]:
    return {
        figure["name"]: ReportedFigure(_text(figure), _measured(entry, figure), path)
        for figure in _list(entry.get("figures"))
        if isinstance(figure.get("name"), str) and isinstance(figure.get("value"), int | float)
    }


def figures_of(model: Path, report: Path | None) -> dict[str, ReportedFigure]:
    """Return the figures of a model in reports that were written after it was saved.

    Args:
        model: A run folder or a model file, as it was given to ``crossimage evaluate``.
        report: The only report to look at, which may be of the model under another path if it is
            of a single one; None: those in the model's folder and in ``evaluation``.

    Raises:
        ValueError: ``report`` is not a report, or has no figures of the model.
    """
    file = _file_of(model)
    paths: list[Path] = []
    if report is None:
        newer = _age(file)[0]
        found = {*file.parent.glob("**/report*.json"), *DEFAULT_FOLDER.glob("report*.json")}
        paths = [path for path in sorted(found, key=_age) if _age(path)[0] >= newer]
    figures: dict[str, ReportedFigure] = {}
    for path in paths if report is None else [report]:
        data = read_facts(path)
        entries, named = _list(data.get("runs")), _named(data)
        if len(named) != len(entries):
            named = []
        for number, entry in enumerate(entries):
            same = bool(named) and _file_of(Path(named[number])).resolve() == file.resolve()
            if same or (report is not None and len(entries) == 1):
                figures |= _figures(entry, path)
    if report is not None and not figures:
        raise ValueError(
            f"{report} has no figures of {model}; give the report.json that `crossimage evaluate "
            f"{model} --data DIR` has written"
        )
    return figures


def _file_of(model: Path) -> Path:
    """Return the model file that a path of a run folder or model file stands for."""
    return model / "model.safetensors" if model.is_dir() else model


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, str(path)
    except OSError:  # removed meanwhile
        return 0.0, str(path)


def _entries(report: dict[str, Any], run: Path, own: bool) -> Iterator[dict[str, Any]]:
    """Yield the results of a run in a report, which may be of several."""
    entries, paths = _list(report.get("runs")), _named(report)
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


def _named(report: dict[str, Any]) -> list[str]:
    """Return the paths of the models that a report is of."""
    settings = report.get("settings")
    named = settings.get("runs") if isinstance(settings, dict) else None
    return [path for path in named if isinstance(path, str)] if isinstance(named, list) else []


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
