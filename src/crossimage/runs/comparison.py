"""Runs beside one another: facts, settings that differ, figures, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crossimage.config import EARLIER_DEFAULTS
from crossimage.recipes.keys import keys_of
from crossimage.runs.record import RunRecord, read_run
from crossimage.runs.reports import NO_SEED, ReportedFigure
from crossimage.training.schedule.durations import duration
from crossimage.utils.names import titles_of
from crossimage.utils.texts.setting_text import as_text

UNKNOWN = "not recorded"
ABSENT = "no such setting"
NONE = "–"


@dataclass(frozen=True)
class ComparisonRow:
    """A line of a table.

    Attributes:
        name: What the values are of.
        values: A value of each run.
        note: What must be known to compare them; may be empty.
    """

    name: str
    values: list[str]
    note: str = ""

    @property
    def differs(self) -> bool:
        """Whether its values are not all the same."""
        return len(set(self.values)) > 1

    @property
    def everywhere(self) -> bool:
        """Whether all methods have such a setting."""
        return ABSENT not in self.values


@dataclass(frozen=True)
class Comparison:
    """Runs and how they differ.

    Attributes:
        records: The runs.
        facts: Method, data, progress, speed and hardware; versions only where they differ.
        settings: The settings that differ.
        same_settings: Number of settings that do not.
        figures: Figures of reports.
        notes: What can't be compared, and what is missing or damaged, one sentence each.
    """

    records: list[RunRecord]
    facts: list[ComparisonRow]
    settings: list[ComparisonRow]
    same_settings: int
    figures: list[ComparisonRow]
    notes: list[str]

    @property
    def titles(self) -> list[str]:
        """What the runs are called."""
        return [record.title for record in self.records]

    def losses(self) -> list[str]:
        """Return the names of all losses and figures over time, those of validation first."""
        names = dict.fromkeys(
            name for record in self.records for row in record.rows for name in row.losses
        )
        return sorted(names, key=lambda name: not name.startswith("validation/"))


def compare_runs(runs: Sequence[Path]) -> Comparison:
    """Read runs and compare them.

    Args:
        runs: Their folders, at least two.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: There are fewer than two runs, one is named twice, or a folder is not a run.
    """
    if len(runs) < 2:
        found = f"only {runs[0]}; `crossimage info {runs[0]}` describes it" if runs else "none"
        raise ValueError(f"expected the folders of two or more runs, found {found}")
    titles = titles_of([str(run) for run in runs])
    records: list[RunRecord] = []
    for run, title in zip(runs, titles, strict=True):
        twin = next((each.run for each in records if each.run.resolve() == run.resolve()), None)
        if twin is not None:
            raise ValueError(f"{run} and {twin} are the same run; name each run once")
        records.append(read_run(run, title))
    settings, same = _settings(records)
    return Comparison(
        records,
        _facts(records),
        settings,
        same,
        _figures(records),
        [*_incomparable(records), *(note for record in records for note in record.notes)],
    )


def _time(recorded: object) -> str | None:
    """Return a time as people write it, to the minute; None if it is not one."""
    try:
        return datetime.fromisoformat(str(recorded)).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return None


def _facts(records: Sequence[RunRecord]) -> list[ComparisonRow]:
    def row(name: str, value: Callable[[RunRecord], Any]) -> ComparisonRow:
        values = [value(record) for record in records]
        return ComparisonRow(name, [UNKNOWN if value is None else str(value) for value in values])

    def fact(name: str) -> Callable[[RunRecord], Any]:
        return lambda record: record.facts.get(name)

    rows = [
        row("method", lambda r: r.summary.method),
        row("data", lambda r: r.summary.data or None),
        row("state", lambda r: r.summary.state),
        row("steps", _steps),
        row("training time", lambda r: None if r.seconds is None else duration(r.seconds)),
        row("speed at the end", _speed),
        row("device", fact("device")),
        row("processes", fact("processes")),
        row("threads", fact("threads")),
        row("arithmetic", fact("precision")),
        row("started", lambda r: _time(r.facts.get("started"))),
    ]
    versions = dict.fromkeys(
        name for record in records for name in _mapping(record.facts.get("versions"))
    )
    more = [
        row(f"{name} version", lambda r, name=name: _mapping(r.facts.get("versions")).get(name))  # type: ignore[misc]
        for name in versions
    ]
    more.append(row("platform", fact("platform")))
    more.append(row("source code", lambda r: _commit(_mapping(r.facts.get("git")))))
    return [*rows, *(each for each in more if each.differs)]


def _steps(record: RunRecord) -> str:
    summary = record.summary
    made = max(summary.step, record.rows[-1].step if record.rows else 0)
    return f"{made:,} of {summary.steps:,}"


def _speed(record: RunRecord) -> str | None:
    if record.rate is None:
        return None
    rate, batch = record.rate, record.settings.get("batch_size")
    text = f"{rate:.2f} steps/s" if rate >= 0.1 else f"{1 / rate:.1f} s/step"
    return text + (f", {rate * batch:.3g} images/s" if isinstance(batch, int) else "")


def _commit(git: dict[str, Any]) -> str | None:
    if not isinstance(git.get("commit"), str):
        return None
    return git["commit"][:12] + (" with changes" if git.get("changed") else "")


def _settings(records: Sequence[RunRecord]) -> tuple[list[ComparisonRow], int]:
    """Return the settings that differ, and the number of those that do not."""
    known = {record.summary.method: keys_of(record.summary.method) for record in records}
    several = len(known) > 1

    def value(record: RunRecord, key: str) -> str:
        if key in record.settings:
            return as_text(record.settings[key]) or "none"
        if key in EARLIER_DEFAULTS:
            return as_text(EARLIER_DEFAULTS[key])
        own = known[record.summary.method]
        knows = key in own or any(key.startswith(f"{name}.") for name in own)
        return UNKNOWN if knows or not several else ABSENT

    rows, same = [], 0
    for key in dict.fromkeys(key for record in records for key in record.settings):
        row = ComparisonRow(key, [value(record, key) for record in records])
        if row.differs:
            rows.append(row)
        else:
            same += 1
    # what only some methods have comes after what can be compared
    return sorted(rows, key=lambda row: not row.everywhere), same


def _figures(records: Sequence[RunRecord]) -> list[ComparisonRow]:
    """Return a row for each figure; a figure that a run has in both directions has two."""
    keys = dict.fromkeys(key for record in records for key in record.figures)
    rows = []
    for name in dict.fromkeys(name for name, _ in keys):
        directions = [way for own, way in keys if own == name]
        found = [
            {way: figure for (own, way), figure in record.figures.items() if own == name}
            for record in records
        ]
        if all(len(own) < 2 for own in found):
            rows.append(_figure_row(name, [next(iter(own.values()), None) for own in found]))
        else:
            rows += [
                _figure_row(f"{name}, {way}" if way else name, [own.get(way) for own in found])
                for way in directions
            ]
    return rows


def _figure_row(name: str, found: Sequence[ReportedFigure | None]) -> ComparisonRow:
    ways = {figure.way for figure in found if figure}
    seeds = {figure.seed for figure in found if figure and figure.seed != NO_SEED}
    same = len(ways) < 2 and len(seeds) < 2
    note = "" if same else "measured differently, so not comparable"
    return ComparisonRow(name, [figure.text if figure else NONE for figure in found], note)


def _incomparable(records: Sequence[RunRecord]) -> list[str]:
    """Return what can't be compared, one sentence each."""
    notes = []
    methods = _distinct(record.summary.method for record in records)
    if len(methods) > 1:
        notes.append(
            f"the runs are of different methods ({', '.join(methods)}): losses of the same name "
            "are drawn together, but their values can't be compared"
        )
    data = [record.data for record in records if record.data is not None]
    changed = [record.title for record in records if record.facts.get("data_changes")]
    if any(each != data[0] for each in data):
        notes.append(
            "the runs have different data, so losses, figures and sheets do not show which "
            "settings are better"
        )
    if changed:
        notes.append(f"the data has changed during {' and '.join(changed)}")
    if len(_distinct(str(record.facts.get("device")) for record in records if record.facts)) > 1:
        notes.append(
            "the runs are from different devices, so curves over time show the hardware as well"
        )
    return notes


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
