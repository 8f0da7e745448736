"""What the values of a table's column mean: which count as 1, and which as 0."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from crossimage.data.sources.tables.attributes import AttributeTable
from crossimage.labels import EVERY_COLUMN, LabelValues
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
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?")


@dataclass(frozen=True)
class Meaning:
    """Which values of a column count as 1 and as 0; all others are missing."""

    positive: frozenset[str]
    negative: frozenset[str]

    def of(self, cell: str) -> int | None:
        """Return the meaning of a cell; None if it has no value."""
        word = _word(cell)
        return 1 if word in self.positive else 0 if word in self.negative else None


class Column:
    """A column of a table: its values, and how often each occurs.

    Args:
        table: The table.
        name: Name of the column.
        cells: Its text in every row of the table.

    Attributes:
        file: The file of the table.
        name: Name of the column.
        counts: The number of occurrences of each value.
    """

    def __init__(self, table: AttributeTable, name: str, cells: Sequence[str]) -> None:
        self.file, self.name = table.file, name
        self.counts: Counter[str] = Counter()
        self._rows, self._cells = table.rows, cells
        self._spelt: dict[str, str] = {}
        for cell, count in Counter(cells).items():
            word = _word(cell)
            self.counts[word] += count
            self._spelt.setdefault(word, cell.strip())

    @property
    def present(self) -> Set[str]:
        """Its values that are not blank."""
        return self.counts.keys() - _BLANK

    def spelt(self, word: str) -> str:
        """Return a value in its first spelling; ``blank`` for blank cells."""
        return _BLANK_WORD if word in _BLANK else cut(self._spelt.get(word, word), 60)

    def quoted(self, words: Collection[str] | None = None) -> str:
        """Return some values, by default all, with their counts: "M" (12) and "F" (7)."""
        known = sorted(self.counts if words is None else words)
        parts = [f'"{self.spelt(word)}" ({self.counts[word]})' for word in known[:5]]
        if len(known) > 5:
            return f"{', '.join(parts)} and {len(known) - 5} more"
        return " and ".join(parts)

    def setting(self, key: str, words: Collection[str]) -> str:
        """Return a setting of values, in command-line syntax."""
        values = ",".join(self.spelt(word) for word in sorted(words))
        return shlex.quote(f"{key}.{self.name}={values}")

    def first(self, words: Set[str] | None = None) -> tuple[int, str]:
        """Return the first line that holds one of some values, by default of all, and its cell."""
        rows = zip(self._rows, self._cells, strict=True)
        return min((r.line, cell) for r, cell in rows if words is None or _word(cell) in words)

    def named(self, word: str) -> frozenset[str]:
        """Return the values that a setting names: all blank ones, or one.

        YAML reads yes and no as true and false.
        """
        word = _word(word)
        if word in self.counts:
            return frozenset({word})
        if word in (_BLANK_WORD, ""):
            return _BLANK
        return frozenset({{"true": "yes", "false": "no"}.get(word, word)})

    def explain(self, meaning: Meaning) -> str:
        """Say which values count as 1 and as 0; empty if these are 1 and 0, or 1 and -1."""
        if meaning.positive == {"1"} and meaning.negative in ({"0"}, {"-1"}):
            return ""
        one, zero = (
            " or ".join(self.spelt(word) for word in sorted(words))
            for words in (meaning.positive, meaning.negative)
        )
        return f"{self.name}: {one} is 1, {zero} is 0"


@lru_cache(10_000)
def _word(cell: str) -> str:
    """Return a cell's value in one form: 1 for 1.0 and 1,0, yes for YES."""
    text = cell.strip().casefold().replace("\N{MINUS SIGN}", "-")
    if _NUMBER.fullmatch(text):
        number = float(text.replace(",", "."))
        return str(int(number)) if number.is_integer() else repr(number)
    return text


def has_three_values(cells: Sequence[str]) -> bool:
    """Return whether a column holds 1, 0 and -1, and nothing else but blanks."""
    return {_word(cell) for cell in {*cells}} - _BLANK == _THREE


def words_for_every_column(
    column: Column, settings: LabelValues
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words for 1 and for 0 that are set for every column, and that a column holds."""
    positive, negative = (
        tuple(
            word
            for word in words.get(EVERY_COLUMN, ())
            if column.named(word) & column.counts.keys()
        )
        for words in (settings.positive, settings.negative)
    )
    return positive, negative


def meaning_from_settings(
    column: Column, positive: Sequence[str], negative: Sequence[str]
) -> Meaning:
    """Return a column's meaning by the settings; if they name one side, one value must remain.

    Raises:
        ValueError: The settings do not fit the column.
    """
    ones, zeros = (
        frozenset(value for word in words for value in column.named(word))
        for words in (positive, negative)
    )
    if both := ones & zeros:
        raise ValueError(
            f'"{min(both)}" is in positive.{column.name} and in negative.{column.name}; leave out '
            "one of them"
        )
    if ones and zeros:
        return Meaning(ones, zeros)
    key, given = ("positive", ones) if ones else ("negative", zeros)
    for word in sorted(given - column.counts.keys() - _BLANK):
        raise ValueError(
            f'{key}.{column.name}: {column.file} holds no "{cut(word)}" in {column.name}, only '
            f"{column.quoted()}"
        )
    others = frozenset(column.present - given)
    if len(others) > 1:
        other = "negative" if ones else "positive"
        raise ValueError(
            f"{column.file}: beside {key}.{column.name}, {column.name} holds "
            f"{column.quoted(others)}; say which of them count as {int(not ones)}, such as "
            f"{column.setting(other, others)}; images with the rest are left out by missing=skip"
        )
    return Meaning(ones or others, zeros or others)


def detected_meaning(column: Column, asked: bool, minus_is_unclear: bool) -> Meaning | str | None:
    """Return the meaning of a column, why it is unclear, or None if it is not a label.

    Args:
        column: The column.
        asked: Whether it was asked for as a label.
        minus_is_unclear: Whether another column of the table holds 0 beside 1 and -1.

    Raises:
        ValueError: It was asked for, and is not a label.
    """
    counts, present = column.counts, column.present
    total = sum(counts[word] for word in present)
    for one, zero in _VOCABULARIES:
        if present == {one} and len(counts) > 1:
            return _beside_blanks(column, one)
        if present == {"1", "-1"} and minus_is_unclear:
            return _minus_and_zero(column)
        if present and present <= {one, zero}:
            return Meaning(frozenset({one}), frozenset({zero}))
    for one, zero in _VOCABULARIES:
        if {one, zero} <= present:
            odd = present - {one, zero}
            share = (counts[one] + counts[zero]) / total
            if present <= _WORDS or len(odd) == 1 or share >= _NEARLY:
                return _exceptions(column, (one, zero), odd)
    if len(present) == 1 and present < counts.keys() and total > 1:
        return _beside_blanks(column, *present)
    if len(present) == 2 and (total > 2 or asked):
        one, other = (column.setting("positive", {word}) for word in sorted(present))
        return (
            f"{column.name} holds {column.quoted(present)}, and nothing says which counts as 1; "
            f"set {one} or {other}"
        )
    if present and present <= _WORDS:
        return _exceptions(column, (), present)
    if asked:
        line, cell = column.first()
        raise not_a_label(
            column.file, column.name, line, cell,
            f" ({len(present)} different values in all); say what counts as 1 and as 0 with "
            f"positive.{column.name}=... and negative.{column.name}=...",
        )  # fmt: skip
    return None


def not_a_label(file: Path, name: str, line: int, cell: str, more: str = "") -> ValueError:
    """Return the error that a column of a table holds something other than 1 and 0."""
    found = cut(cell.strip())
    return ValueError(f'{file}: {name} holds "{found}" in line {line}; expected 1 or 0{more}')


def _beside_blanks(column: Column, word: str) -> str:
    """Ask whether blank cells beside a single value count as 0."""
    return (
        f"{column.name} holds {column.quoted({word})} and blank cells; set "
        f"{column.setting('positive', {word})} {column.setting('negative', {''})} "
        "to count these as 0"
    )


def _minus_and_zero(column: Column) -> str:
    """Ask what -1 means where other columns hold 0, too."""
    one, minus = column.setting("positive", {"1"}), column.setting("negative", {"-1"})
    return (
        f"{column.name} holds {column.quoted(column.present)}, and other columns hold 0 too; say "
        f"what -1 means: {minus}, or {one} {column.setting('negative', {'0'})} missing=skip to "
        "leave these images out"
    )


def _exceptions(column: Column, words: Sequence[str], odd: Set[str]) -> str:
    """Describe a column's values other than its words for 1 and 0, and how to resolve them."""
    line, _ = column.first(odd)
    beside = f", beside {column.quoted(words)}" if words else ""
    one, zero = (
        column.setting(key, {word})
        for key, word in zip(("positive", "negative"), words or ("...", "..."), strict=True)
    )
    merged = column.setting("negative", {*words[1:], *odd})
    more = f", or {merged} to count them as 0" if words and len(odd) < 4 else ""
    return (
        f"{column.name} holds {column.quoted(odd)}, first in line {line}"
        f"{beside}; correct the values, or set {one} {zero} missing=skip to leave these images "
        f"out{more}"
    )
