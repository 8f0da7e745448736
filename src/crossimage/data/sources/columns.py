"""Columns of tables: which are labels, and the meaning of their values."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.sources.tables import AttributeRow, AttributeTable
from crossimage.labels import EVERY_COLUMN, LabelValues
from crossimage.utils.names import look_up
from crossimage.utils.texts.shown import cut

_VOCABULARIES = (
    ("1", "0"), ("1", "-1"), ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"),
)  # fmt: skip
"""Pairs of words for 1 and 0; a column uses one pair."""

_WORDS = frozenset(word for pair in _VOCABULARIES for word in pair)
_THREE = frozenset({"-1", "0", "1"})
_BLANK = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"})
_BLANK_WORD = "blank"  # stands for blank cells in settings
_NEARLY = 0.8  # share of label values from which the others are exceptions
_SHOWN = 20  # columns listed at most in a sentence
_OFFERED = 50  # columns listed at most in a suggested setting
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?")

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


@dataclass(frozen=True)
class _Meaning:
    """Which values of a column count as 1 and as 0; all others are missing."""

    positive: frozenset[str]
    negative: frozenset[str]

    def of(self, cell: str) -> int | None:
        word = _word(cell)
        return 1 if word in self.positive else 0 if word in self.negative else None

    def note(self, name: str, counts: _Counts) -> str:
        """Say which values count as 1 and as 0; empty if these are 1 and 0, or 1 and -1."""
        if self.positive == {"1"} and self.negative in ({"0"}, {"-1"}):
            return ""
        one, zero = (
            " or ".join(counts.spelt(word) for word in sorted(words))
            for words in (self.positive, self.negative)
        )
        return f"{name}: {one} is 1, {zero} is 0"


class _Counts(Counter[str]):
    """The number of occurrences of each value of a column, and its spelling."""

    def __init__(self, cells: Sequence[str] = ()) -> None:
        super().__init__()
        self._spelt: dict[str, str] = {}
        for cell, count in Counter(cells).items():
            word = _word(cell)
            self[word] += count
            self._spelt.setdefault(word, cell.strip())

    def spelt(self, word: str) -> str:
        """Return a value in its first spelling; ``blank`` for blank cells."""
        return _BLANK_WORD if word in _BLANK else cut(self._spelt.get(word, word), 60)


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
    positive = _by_column(table, settings.positive)
    negative = _by_column(table, settings.negative)
    meanings: dict[str, _Meaning] = {}
    unused: list[str] = []
    unclear: dict[str, str] = {}
    explained: dict[str, str] = {}
    wanted = set(chosen)
    cells = list(zip(*(row.cells for row in table.rows), strict=True))
    columns = [
        (name, _Counts(own))
        for name, own in zip(table.columns, cells, strict=True)
        if not wanted or name in wanted
    ]
    minus_is_unclear = any({_word(cell) for cell in {*own}} - _BLANK == _THREE for own in cells)
    for name, counts in columns:
        set_here = (positive.get(name, ()), negative.get(name, ()))
        meaning: _Meaning | str | None
        if any(set_here):
            meaning = _meaning_from_settings(table, name, counts, *set_here)
        else:
            meaning = _detected_meaning(table, name, counts, bool(wanted), minus_is_unclear)
            if isinstance(meaning, str) and any(words := _for_every_column(settings, counts)):
                meaning = _meaning_from_settings(table, name, counts, *words)
        if isinstance(meaning, str):
            unclear[name] = meaning
        elif meaning is None:
            unused.append(_unused(name, counts))
        else:
            meanings[name] = meaning
            explained[name] = meaning.note(name, counts)
    names = tuple(chosen) or tuple(meanings)
    _refuse_unclear(table, unclear, chosen or tuple(meanings), alone)
    _refuse_unnamed(table, names)
    if not names:
        raise ValueError(
            f"{table.file} has no column that holds only 1 and 0, or yes and no"
            + (f"; not used: {_listed(unused)}" if unused else "")
        )
    skip = settings.missing == "skip"
    return _cells_as_labels(table, names, meanings, skip, unused, explained, alone)


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
                raise _not_a_label(table, name, row, row.cells[at])
            own.append(value)
        values[row.path] = tuple(own)
    return TableLabels(table, names, values)


def _not_a_label(
    table: AttributeTable, name: str, row: AttributeRow, cell: str, more: str = ""
) -> ValueError:
    found = cut(cell.strip())
    return ValueError(
        f'{table.file}: {name} holds "{found}" in line {row.line}; expected 1 or 0{more}'
    )


@lru_cache(10_000)
def _word(cell: str) -> str:
    """Return a cell's value in one form: 1 for 1.0 and 1,0, yes for YES."""
    text = cell.strip().casefold().replace("\N{MINUS SIGN}", "-")
    if _NUMBER.fullmatch(text):
        number = float(text.replace(",", "."))
        return str(int(number)) if number.is_integer() else repr(number)
    return text


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


def _for_every_column(
    settings: LabelValues, counts: _Counts
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words for 1 and for 0 that are set for every column, and that a column holds."""
    positive, negative = (
        tuple(word for word in words.get(EVERY_COLUMN, ()) if _named(word, counts) & counts.keys())
        for words in (settings.positive, settings.negative)
    )
    return positive, negative


def _meaning_from_settings(
    table: AttributeTable,
    name: str,
    counts: _Counts,
    positive: Sequence[str],
    negative: Sequence[str],
) -> _Meaning:
    """Return a column's meaning by the settings; if they name one side, one value must remain."""
    ones, zeros = (
        frozenset(value for word in words for value in _named(word, counts))
        for words in (positive, negative)
    )
    if both := ones & zeros:
        raise ValueError(
            f'"{min(both)}" is in positive.{name} and in negative.{name}; leave out one of them'
        )
    if ones and zeros:
        return _Meaning(ones, zeros)
    key, given = ("positive", ones) if ones else ("negative", zeros)
    for word in sorted(given - counts.keys() - _BLANK):
        raise ValueError(
            f'{key}.{name}: {table.file} holds no "{cut(word)}" in {name}, only {_quoted(counts)}'
        )
    others = frozenset(counts) - given - _BLANK
    if len(others) > 1:
        other = "negative" if ones else "positive"
        raise ValueError(
            f"{table.file}: beside {key}.{name}, {name} holds {_quoted(counts, others)}; say which "
            f"of them count as {int(not ones)}, such as {_setting(other, name, counts, others)}; "
            "images with the rest are left out by missing=skip"
        )
    return _Meaning(ones or others, zeros or others)


def _named(word: str, counts: _Counts) -> frozenset[str]:
    """Return the values that a setting names: all blank ones, or one.

    YAML reads yes and no as true and false.
    """
    word = _word(word)
    if word in counts:
        return frozenset({word})
    if word in (_BLANK_WORD, ""):
        return _BLANK
    return frozenset({{"true": "yes", "false": "no"}.get(word, word)})


def _detected_meaning(
    table: AttributeTable, name: str, counts: _Counts, asked: bool, minus_is_unclear: bool
) -> _Meaning | str | None:
    """Return the meaning of a column, why it is unclear, or None if it is not a label."""
    present = counts.keys() - _BLANK
    total = sum(counts[word] for word in present)
    for one, zero in _VOCABULARIES:
        if present == {one} and len(counts) > 1:
            return _beside_blanks(name, counts, one)
        if present == {"1", "-1"} and minus_is_unclear:
            one, minus = (
                _setting(key, name, counts, {word})
                for key, word in (("positive", "1"), ("negative", "-1"))
            )
            return (
                f"{name} holds {_quoted(counts, present)}, and other columns hold 0 too; say what "
                f"-1 means: {minus}, or {one} {_setting('negative', name, counts, {'0'})} "
                "missing=skip to leave these images out"
            )
        if present and present <= {one, zero}:
            return _Meaning(frozenset({one}), frozenset({zero}))
    for one, zero in _VOCABULARIES:
        if {one, zero} <= present:
            odd = present - {one, zero}
            share = (counts[one] + counts[zero]) / total
            if present <= _WORDS or len(odd) == 1 or share >= _NEARLY:
                return _exceptions(table, name, counts, (one, zero), odd)
    if len(present) == 1 and present < counts.keys() and total > 1:
        return _beside_blanks(name, counts, *present)
    if len(present) == 2 and (total > 2 or asked):
        one, other = (_setting("positive", name, counts, {word}) for word in sorted(present))
        return (
            f"{name} holds {_quoted(counts, present)}, and nothing says which counts as 1; set "
            f"{one} or {other}"
        )
    if present and present <= _WORDS:
        return _exceptions(table, name, counts, (), present)
    if asked:
        at = table.columns.index(name)
        row = min(table.rows, key=lambda row: row.line)
        more = (
            f" ({len(present)} different values in all); say what counts as 1 and as 0 with "
            f"positive.{name}=... and negative.{name}=..."
        )
        raise _not_a_label(table, name, row, row.cells[at], more)
    return None


def _beside_blanks(name: str, counts: _Counts, word: str) -> str:
    """Ask whether blank cells beside a single value count as 0."""
    return (
        f"{name} holds {_quoted(counts, {word})} and blank cells; set "
        f"{_setting('positive', name, counts, {word})} {_setting('negative', name, counts, {''})} "
        "to count these as 0"
    )


def _exceptions(
    table: AttributeTable,
    name: str,
    counts: _Counts,
    words: Sequence[str],
    odd: Set[str],
) -> str:
    """Describe a column's values other than its words for 1 and 0, and how to resolve them."""
    at = table.columns.index(name)
    row = min((r for r in table.rows if _word(r.cells[at]) in odd), key=lambda row: row.line)
    beside = f", beside {_quoted(counts, words)}" if words else ""
    one, zero = (
        _setting(key, name, counts, {word})
        for key, word in zip(("positive", "negative"), words or ("...", "..."), strict=True)
    )
    merged = _setting("negative", name, counts, {*words[1:], *odd})
    more = f", or {merged} to count them as 0" if words and len(odd) < 4 else ""
    return (
        f"{name} holds {_quoted(counts, odd)}, first in line {row.line}"
        f"{beside}; correct the values, or set {one} {zero} missing=skip to leave these images "
        f"out{more}"
    )


def _setting(key: str, name: str, counts: _Counts, words: Collection[str]) -> str:
    """Return a setting in command-line syntax."""
    return shlex.quote(f"{key}.{name}={','.join(counts.spelt(word) for word in sorted(words))}")


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


def _cells_as_labels(
    table: AttributeTable,
    names: tuple[str, ...],
    meanings: Mapping[str, _Meaning],
    skip: bool,
    unused: Sequence[str],
    explained: Mapping[str, str],
    alone: bool,
) -> TableLabels:
    at = {name: index for index, name in enumerate(table.columns)}
    columns = [(name, at[name], lru_cache(1000)(meanings[name].of)) for name in names]
    values: dict[Path, tuple[int, ...]] = {}
    rows, without = [], dict.fromkeys(names, 0)
    first: dict[str, AttributeRow] = {}
    for row in table.rows:
        own = [meaning(row.cells[index]) for _, index, meaning in columns]
        if None in own:
            for (name, _, _), value in zip(columns, own, strict=True):
                if value is None:
                    without[name] += 1
                    if name not in first or row.line < first[name].line:
                        first[name] = row
            continue
        rows.append(row)
        values[row.path] = tuple(value for value in own if value is not None)
    missing = {name: count for name, count in without.items() if count}
    if missing and not skip:
        name = next(iter(missing))
        cell = first[name].cells[at[name]].strip()
        shown = f'"{cut(cell)}"' if cell else "nothing"
        others = [name for name in names if name not in missing]
        setting = attributes_setting(others, alone)
        out = f", or leave the column out with {setting}" if others else ""
        more = f"; likewise {_listed(list(missing)[1:])}" if len(missing) > 1 else ""
        raise ValueError(
            f"{table.file}: {name} holds {shown} in line {first[name].line}, and no value in "
            f"{missing[name]} of {len(table.rows)} lines; set missing=skip to leave these images "
            f"out{out}{more}"
        )
    notes = [f"{table.file.name} is {table.text}" if table.text else ""]
    notes += _shortened([explained[name] for name in names if explained[name]])
    if missing:
        counted = ", ".join(f"{name} {count}" for name, count in missing.items())
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


def _unused(name: str, counts: _Counts) -> str:
    values = [counts.spelt(word) for word in counts if word not in _BLANK]
    if not values:
        return f"{name} (empty)"
    if len(values) > 4:
        return f"{name} ({len(values):,} different values)"
    return f"{name} ({', '.join(value[:_SHOWN] for value in sorted(values))})"


def _quoted(counts: _Counts, words: Collection[str] | None = None) -> str:
    """Return values with their counts: "M" (12) and "F" (7)."""
    known = sorted(counts if words is None else words)
    parts = [f'"{counts.spelt(word)}" ({counts[word]})' for word in known[:5]]
    if len(known) > 5:
        return f"{', '.join(parts)} and {len(known) - 5} more"
    return " and ".join(parts)


def _shortened(notes: Sequence[str]) -> list[str]:
    """Join notes into one, shortened if there are many."""
    if not notes:
        return []
    return ["; ".join(notes[:_SHOWN]) + ("; ..." if len(notes) > _SHOWN else "")]


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(names[:_SHOWN])
    return few + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
