"""Write the tables of the documentation from the figures in docs/results/*.json.

    python benchmarks/tables.py            rewrites all tables
    python benchmarks/tables.py --check    names the pages whose tables differ from their files

A page names the table of docs/results/NAME.json by a pair of comments, and what is between them is
replaced:

    <!-- table NAME -->
    <!-- end of table -->

A file holds the columns and the rows of one table. A row has ``runs``, one for each seed, with the
figures of this run: a number, ``[value, low, high]`` with the ends of its 95 % interval, or null
where a figure does not apply. A figure that no run has is *missing* in the table. One run is shown
with its own interval; several are shown as their mean, with the 95 % interval of that mean over the
seeds (Student's t). Columns say which figure they show:

- ``figure``: its name, or several, which are joined by a stroke; ``heading``;
- ``digits``: decimal places, by default those of the number; rows can have their own by figure;
- ``unit``: text after the number; ``scale``: a factor, such as 100 for percent; ``zero: false``
  leaves out the zero before the point;
- ``show``: ``value`` with its interval, the default, ``interval`` (its ends) or ``plain``;
- ``bounds``: the least and the greatest possible value, at which the ends of an interval stop;
- ``seed``: the figure of this seed alone;
- ``text``: a text that rows hold under this name, instead of a figure.

``seeds`` of a file is how many a row should have; if it is more than one, a column counts them.
``published`` rows are figures of papers, and ``fixed`` rows depend on no training. A row whose
``same_as`` is ``TABLE/ROW`` has the runs of that one.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
RESULTS = DOCS / "results"
MISSING, NOTHING = "missing", "–"
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t for a two-sided interval of 95 % from 2 to 10 values."""
_TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

SEVERAL_SEEDS = (
    "Intervals are of 95 % (± is half of one): of the mean over seeds if there are several, "
    "otherwise of this one model."
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail on a difference")
    options = parser.parse_args()
    stale = [page for page in pages() if page.read_text(encoding="utf-8") != rewritten(page)]
    names = ", ".join(str(page.relative_to(DOCS.parent)) for page in stale)
    if options.check and stale:
        raise SystemExit(f"tables differ from docs/results: {names}; run benchmarks/tables.py")
    for page in stale:
        page.write_text(rewritten(page), encoding="utf-8")
    print(f"rewritten: {names}" if stale else "all tables are up to date")


def pages() -> list[Path]:
    """Return the pages with tables that are written from files."""
    return [p for p in sorted(DOCS.glob("*.md")) if _TABLE.search(p.read_text(encoding="utf-8"))]


def names_in(page: Path) -> list[str]:
    """Return the names of the tables of a page."""
    return [match[2] for match in _TABLE.finditer(page.read_text(encoding="utf-8"))]


def rewritten(page: Path) -> str:
    """Return the text of a page with its tables written anew."""

    def replace(match: re.Match[str]) -> str:
        return f"{match[1]}\n{markdown(read(match[2]))}\n\n{match[3]}"

    return _TABLE.sub(replace, page.read_text(encoding="utf-8"))


def read(name: str) -> dict[str, Any]:
    """Read the file of a table.

    Raises:
        SystemExit: There is none, or it can't be read.
    """
    path = RESULTS / f"{name}.json"
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: {error}; expected the figures of a table") from None
    for row in table["rows"]:
        if "same_as" in row:
            other, _, key = row["same_as"].partition("/")
            row["runs"] = next(one["runs"] for one in read(other)["rows"] if one["name"] == key)
    return table


def markdown(table: Mapping[str, Any]) -> str:
    """Return a table as Markdown."""
    columns, wanted = table["columns"], table.get("seeds", 1)
    headings = [table.get("corner", ""), *(column["heading"] for column in columns)]
    lines = [[*headings, "seeds"] if wanted > 1 else headings]
    for row in table["rows"]:
        cells = [row["label"], *(cell(row, column) for column in columns)]
        lines.append([*cells, seeds_of(row, wanted)] if wanted > 1 else cells)
    text = [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines]
    text.insert(1, "|---" * len(lines[0]) + "|")
    several = any(len(row["runs"]) > 1 and not fixed(row) for row in table["rows"])
    return "\n".join([*text, *(["", SEVERAL_SEEDS] if several and wanted > 1 else [])])


def fixed(row: Mapping[str, Any]) -> bool:
    """Return whether a row depends on no training of ours."""
    return bool(row.get("published") or row.get("fixed"))


def seeds_of(row: Mapping[str, Any], wanted: int) -> str:
    """Return how many seeds of a row there are."""
    if fixed(row):
        return NOTHING
    count = len(row["runs"])
    return str(count) if count >= wanted else f"{count} of {wanted}"


def cell(row: Mapping[str, Any], column: Mapping[str, Any]) -> str:
    """Return the text of one cell."""
    if "text" in column:
        return str(row.get("texts", {}).get(column["text"], NOTHING))
    names = column["figure"] if isinstance(column["figure"], list) else [column["figure"]]
    parts = [_figure(row, column, name, index) for index, name in enumerate(names)]
    return (
        parts[0] if len(set(parts)) == 1 and parts[0] in {MISSING, NOTHING} else " / ".join(parts)
    )


def _figure(row: Mapping[str, Any], column: Mapping[str, Any], name: str, index: int) -> str:
    runs = [run for run in row["runs"] if column.get("seed", run["seed"]) == run["seed"]]
    found = [run["figures"][name] for run in runs if name in run["figures"]]
    if not found:
        return NOTHING if fixed(row) else MISSING
    if None in found:
        return NOTHING
    value, low, high = over_seeds(found)
    digits = column.get("digits")
    digits = row.get("digits", {}).get(name, digits[index] if isinstance(digits, list) else digits)
    scale, unit, show = column.get("scale", 1), column.get("unit", ""), column.get("show", "value")

    def number(x: float) -> str:
        text = f"{x * scale:.{digits}f}" if digits is not None else f"{x * scale:.10g}"
        text = text.replace("-", "−")
        return text if column.get("zero", True) else re.sub(r"^(−?)0\.", r"\1.", text)

    if show == "interval":
        if low is None:
            return NOTHING
        least, greatest = column.get("bounds", (low, high))
        return f"{number(max(low, least))} to {number(min(high, greatest))}{unit}"
    if low is None or show == "plain":
        return f"{number(value)}{unit}"
    return f"{number(value)}{unit} ± {number((high - low) / 2)}"


def over_seeds(found: Sequence[Any]) -> tuple[float, Any, Any]:
    """Return the value of a figure, and the ends of its interval or None.

    Args:
        found: The figure of each run: a number, or ``[value, low, high]``.
    """
    if len(found) == 1:
        return tuple(found[0]) if isinstance(found[0], list) else (found[0], None, None)
    values = [one[0] if isinstance(one, list) else one for one in found]
    mean, n = statistics.mean(values), len(values)
    half = _T95[min(n, len(_T95) + 1) - 2] * statistics.stdev(values) / n**0.5
    return mean, mean - half, mean + half


if __name__ == "__main__":
    main()
