"""Columns of tables as labels: which of them are, and the labels of every image."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.sources.tables.attributes import AttributeRow, AttributeTable
from crossimage.data.sources.tables.meanings import (
    Column,
    Meaning,
    detected_meaning,
    has_three_values,
    meaning_from_settings,
    not_a_label,
    words_for_every_column,
)
from crossimage.labels import LabelValues
from crossimage.utils.names import look_up
from crossimage.utils.texts.shown import cut

_SHOWN = 20  # columns listed at most in a sentence
_OFFERED = 50  # columns listed at most in a suggested setting

_AS_BEFORE = {"1": 1, "true": 1, "yes": 1, "0": 0, "-1": 0, "false": 0, "no": 0}


@dataclass(frozen=True)
class TableLabels:
    """The labels of a table.

    Attributes:
        table: The table, without the images that are left out.
        names: Names of the labels.
        values: The labels of every image, 1 or 0, by path.
        notes: Sentences on how the table was read and what is not used.
    """

    table: AttributeTable
    names: tuple[str, ...]
    values: Mapping[Path, tuple[int, ...]]
    notes: tuple[str, ...] = ()


def read_labels(
    table: AttributeTable,
    chosen: Sequence[str] = (),
    settings: LabelValues | None = None,
    rules: DataRules = 3,
    *,
    alone: bool = True,
) -> TableLabels:
    """Read the labels of a table's images.

    A column is a label if its values are 1/0, 1/-1, true/false, yes/no, y/n or t/f, in upper or
    lower case or as decimal numbers, or if the settings say what its values mean.

    Args:
        table: The table.
        chosen: The columns to use, in this order; empty: all that are labels.
        settings: The meaning of values, and whether images without a value are left out.
        rules: The rules by which tables are read; 1: every column of 1, 0, -1, true, false, yes
            and no is a label, and all others are ignored.
        alone: Whether no other data set provides labels, which errors would have to name, too.

    Raises:
        ValueError: A column is almost a label, or a chosen column is not a label.
    """
    if rules == 1:
        return _read_as_before(table, chosen)
    settings = settings or LabelValues()
    meanings: dict[str, Meaning] = {}
    explained: dict[str, str] = {}
    unclear: dict[str, str] = {}
    unused: list[str] = []
    for column, meaning in _meanings(table, chosen, settings):
        if isinstance(meaning, str):
            unclear[column.name] = meaning
        elif meaning is None:
            unused.append(_unused(column))
        else:
            meanings[column.name] = meaning
            explained[column.name] = column.explain(meaning)
    names = tuple(chosen) or tuple(meanings)
    _refuse_unclear(table, unclear, names, alone)
    _refuse_unnamed(table, names)
    if not names:
        raise ValueError(
            f"{table.file} has no column that holds only 1 and 0, or yes and no"
            + (f"; not used: {_listed(unused)}" if unused else "")
        )
    rows, values, without = _values(table, {name: meanings[name] for name in names})
    if without and settings.missing != "skip":
        raise _missing(table, names, without, alone)
    notes = [f"{table.file.name} is {table.text}" if table.text else ""]
    notes += _shortened([explained[name] for name in names if explained[name]])
    if without:
        counted = ", ".join(f"{name} {len(own)}" for name, own in without.items())
        notes.append(
            f"left out for lack of a value: {len(table.rows) - len(rows)} of {len(table.rows)} "
            f"images ({counted})"
        )
    if unused:
        notes.append(f"not used: {_listed(unused)}")
    if table.unlisted:
        notes.append(
            f"images in the same folders that {table.file.name} does not name: {table.unlisted}"
        )
    kept = replace(table, rows=tuple(rows))
    return TableLabels(kept, names, values, tuple(note for note in notes if note))


def _read_as_before(table: AttributeTable, chosen: Sequence[str]) -> TableLabels:
    @lru_cache(1000)
    def meaning(cell: str) -> int | None:
        return _AS_BEFORE.get(cell.strip().casefold())

    columns = dict(zip(table.columns, range(len(table.columns)), strict=True))
    names = tuple(chosen) or tuple(
        name
        for name, at in columns.items()
        if all(meaning(row.cells[at]) is not None for row in table.rows)
    )
    if not names:
        raise ValueError(f"{table.file} has no column that holds only 1 and 0")
    places = [columns[name] for name in names]
    values = {}
    for row in table.rows:
        own = []
        for name, at in zip(names, places, strict=True):
            if (value := meaning(row.cells[at])) is None:
                raise not_a_label(table.file, name, row.line, row.cells[at])
            own.append(value)
        values[row.path] = tuple(own)
    return TableLabels(table, names, values)


def _meanings(
    table: AttributeTable, chosen: Sequence[str], settings: LabelValues
) -> Iterator[tuple[Column, Meaning | str | None]]:
    """Yield the chosen columns, or all, with their meanings as for :func:`detected_meaning`."""
    positive = _by_column(table, settings.positive)
    negative = _by_column(table, settings.negative)
    cells = list(zip(*(row.cells for row in table.rows), strict=True))
    minus_is_unclear = any(map(has_three_values, cells))
    for name, own in zip(table.columns, cells, strict=True):
        if chosen and name not in chosen:
            continue
        column = Column(table, name, own)
        words = positive.get(name, ()), negative.get(name, ())
        if any(words):
            yield column, meaning_from_settings(column, *words)
            continue
        meaning = detected_meaning(column, bool(chosen), minus_is_unclear)
        if isinstance(meaning, str) and any(words := words_for_every_column(column, settings)):
            meaning = meaning_from_settings(column, *words)
        yield column, meaning


def _by_column(
    table: AttributeTable, values: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the settings for the columns of this table, by the columns' own names."""
    by_column = {}
    for given, words in values.items():
        index = look_up(given, table.columns)
        if index is None:  # on the command line, dashes become underscores
            index = look_up(given, [name.replace("-", "_") for name in table.columns])
        if index is not None:
            by_column[table.columns[index]] = tuple(words)
    return by_column


def _refuse_unclear(
    table: AttributeTable, unclear: Mapping[str, str], names: Sequence[str], alone: bool
) -> None:
    if not unclear:
        return
    first = next(iter(unclear))
    others = [name for name in unclear if name != first]
    more = f"; the same applies to {_listed(others)}" if others else ""
    rest = [name for name in names if name not in unclear]
    out = f"; or leave it out with {attributes_setting(rest, alone)}" if rest else ""
    raise ValueError(f"{table.file}: {unclear[first]}{out}{more}")


def _refuse_unnamed(table: AttributeTable, names: Sequence[str]) -> None:
    for name in names:
        if name in table.unnamed:
            raise ValueError(
                f"{table.file}: {name} holds labels but has no name; write one in the first line"
            )


def attributes_setting(names: Sequence[str], alone: bool = True) -> str:
    """Return the setting that chooses labels, as typed in a shell.

    Args:
        names: The labels, of which only the first are listed if there are many.
        alone: Whether they are all; otherwise, those of other data sets are unknown.
    """
    if not alone:
        return "attributes=A,B,..., the labels of all data sets"
    few = list(names[:_OFFERED])
    listed = json.dumps(few, ensure_ascii=False) if "," in "".join(few) else ",".join(few)
    return shlex.quote(f"attributes={listed}") + (" and so on" if len(names) > _OFFERED else "")


def _values(
    table: AttributeTable, meanings: Mapping[str, Meaning]
) -> tuple[list[AttributeRow], dict[Path, tuple[int, ...]], dict[str, list[AttributeRow]]]:
    """Return the rows that have all labels, their values, and those without one, by label."""
    columns = [
        (name, table.columns.index(name), lru_cache(1000)(meaning.of))
        for name, meaning in meanings.items()
    ]
    rows: list[AttributeRow] = []
    values: dict[Path, tuple[int, ...]] = {}
    without: dict[str, list[AttributeRow]] = {name: [] for name in meanings}
    for row in table.rows:
        own = [meaning(row.cells[index]) for _, index, meaning in columns]
        if None in own:
            for (name, _, _), value in zip(columns, own, strict=True):
                if value is None:
                    without[name].append(row)
            continue
        rows.append(row)
        values[row.path] = tuple(value for value in own if value is not None)
    return rows, values, {name: lacking for name, lacking in without.items() if lacking}


def _missing(
    table: AttributeTable,
    names: Sequence[str],
    without: Mapping[str, Sequence[AttributeRow]],
    alone: bool,
) -> ValueError:
    """Return the error that images have no value of a label."""
    name, rows = next(iter(without.items()))
    first = min(rows, key=lambda row: row.line)
    cell = first.cells[table.columns.index(name)].strip()
    shown = f'"{cut(cell)}"' if cell else "nothing"
    others = [name for name in names if name not in without]
    out = f", or leave the column out with {attributes_setting(others, alone)}" if others else ""
    more = f"; likewise {_listed(list(without)[1:])}" if len(without) > 1 else ""
    return ValueError(
        f"{table.file}: {name} holds {shown} in line {first.line}, and no value in "
        f"{len(rows)} of {len(table.rows)} lines; set missing=skip to leave these images "
        f"out{out}{more}"
    )


def _unused(column: Column) -> str:
    """Describe a column that is not a label."""
    values = [column.spelt(word) for word in column.present]
    if not values:
        return f"{column.name} (empty)"
    if len(values) > 4:
        return f"{column.name} ({len(values):,} different values)"
    return f"{column.name} ({', '.join(value[:_SHOWN] for value in sorted(values))})"


def _shortened(notes: Sequence[str]) -> list[str]:
    """Join notes into one, shortened if there are many."""
    if not notes:
        return []
    return ["; ".join(notes[:_SHOWN]) + ("; ..." if len(notes) > _SHOWN else "")]


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(names[:_SHOWN])
    return few + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
