"""Figures of a run in reports of ``crossimage evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossimage.training.resume import read_facts

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
        direction: What was translated to what; empty: not recorded.
        data: The data set or video, likewise.
    """

    text: str
    measured: tuple[str, ...]
    report: Path
    direction: str = ""
    data: str = ""

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


Figures = dict[tuple[str, str], ReportedFigure]
"""Figures by name and direction; empty where a model has no direction, or it is not recorded."""


def reported_figures(run: Path) -> tuple[Figures, list[Path]]:
    """Return the newest figures of a run, and the reports in its folder that are damaged.

    Reports are looked for in the run's folder and in ``evaluation``, where ``crossimage evaluate``
    writes them by default.
    """
    own = set(run.glob("**/report*.json"))
    figures: Figures = {}
    damaged = []
    for path in sorted(own | {*DEFAULT_FOLDER.glob("report*.json")}, key=_age):
        report = read_facts(path)
        if not report and path in own:
            damaged.append(path)
        figures |= _figures(_entries(report, run, path in own), path)
    return figures, damaged


def figures_of(model: Path, report: Path | None) -> Figures:
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
    figures: Figures = {}
    for path in paths if report is None else [report]:
        figures |= _figures(_entries(read_facts(path), model, report is not None), path)
    if report is not None and not figures:
        raise ValueError(
            f"{report} has no figures of {model}; give the report.json that `crossimage evaluate "
            f"{model} --data DIR` has written"
        )
    return figures


def _figures(entries: Sequence[dict[str, Any]], path: Path) -> Figures:
    """Return the figures of a model's entries in a report; of several, each name says which."""
    figures: Figures = {}
    for entry in entries:
        kind = f" ({_kind(entry)})" if len(entries) > 1 else ""
        facts = _facts(entry)
        target = f"to {facts['target']}" if facts.get("target") else ""  # of a video
        direction = str(facts.get("direction") or target)
        data = str(facts.get("data") or facts.get("video") or "")
        for figure in _list(entry.get("figures")):
            name, value = figure.get("name"), figure.get("value")
            if isinstance(name, str) and isinstance(value, int | float):
                figures[name + kind, direction] = ReportedFigure(
                    _text(figure), _measured(entry, figure), path, direction, data
                )
    return figures


def _kind(entry: dict[str, Any]) -> str:
    """Return what tells an entry from others of its model, such as ``latent`` of ``a (latent)``."""
    title = str(entry.get("title"))
    return title[:-1].rpartition("(")[2] if title.endswith(")") else title


def _file_of(model: Path) -> Path:
    """Return the model file that a path of a run folder or model file stands for."""
    return model / "model.safetensors" if model.is_dir() else model


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, str(path)
    except OSError:  # removed meanwhile
        return 0.0, str(path)


def _entries(report: dict[str, Any], model: Path, alone: bool) -> list[dict[str, Any]]:
    """Return the results of a model in a report, which may be of several.

    Args:
        report: The report.
        model: A run folder or a model file.
        alone: If the report is of a single model, it is this one under whatever path.
    """
    entries = _list(report.get("runs"))
    evaluated = [str(_facts(entry).get("model") or entry.get("title")) for entry in entries]
    if alone and len(set(evaluated)) == 1:
        return entries
    own = _file_of(model).resolve()
    return [
        entry
        for entry, path in zip(entries, evaluated, strict=True)
        if _file_of(Path(path)).resolve() == own
    ]


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    facts = entry.get("facts")
    return facts if isinstance(facts, dict) else {}


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
    about = _facts(entry)
    parts = [figure.get(key) for key in ("protocol", "count", "seed", "variant", "library")]
    parts += [about.get(key) for key in ("data", "video", "direction", "target", "preparation")]
    return tuple(map(str, parts))
