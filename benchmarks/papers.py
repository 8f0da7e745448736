"""Train, evaluate and record the rows of the tables of figures.

    python benchmarks/papers.py --list
    python benchmarks/papers.py --data DIR unit_da/mnist2usps_augmented outlines_quality

A name is a table of docs/results, or TABLE/ROW. The commands of its rows are in
benchmarks/papers/TABLE.yaml, with those that evaluate every row, and the hours of one core that a
seed takes; DIR holds the data sets by the names used there. Commands that have finished are not
repeated, and interrupted trainings continue, so the same command resumes after an interruption.
Figures are added to docs/results/TABLE.json as soon as they are known, with commands, settings,
commit, versions and hardware, and the tables of the docs are written anew. Each command computes
with one thread: start two with different names to use two cores. --list shows all rows, what they
take and which seeds are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import portalocker
import tables
import yaml

SPECS = Path(__file__).resolve().parent / "papers"


@dataclass(frozen=True)
class Row:
    """A row that can be measured.

    Attributes:
        table: Name of the table's file in docs/results.
        name: Name of the row in it.
        hours: Hours of one core that one seed takes.
        prepare: Commands that all rows of the table share, such as making data.
        commands: Commands of one seed; ``{data}``, ``{work}``, ``{run}``, ``{seed}`` and ``{here}``
            stand for the data sets, the folder of all runs, that of this seed, the seed, and
            benchmarks/papers.
        figures: By figure, the file that holds it, seen from the run's folder, and its name there:
            ``accuracy.json usps``, or ``report/report.json fid`` of ``crossimage evaluate``; or a
            number that needs no measurement.
    """

    table: str
    name: str
    hours: float
    prepare: tuple[str, ...]
    commands: tuple[str, ...]
    figures: Mapping[str, str | float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="tables, or TABLE/ROW")
    parser.add_argument("--list", action="store_true", help="show the rows and what is missing")
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--work", type=Path, default=Path("runs/papers"), help="folder of runs")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", help="by default, all missing")
    options = parser.parse_args()
    rows = known_rows()
    if options.list:
        print("\n".join(listing(rows)))
        return
    chosen = choose(rows, options.names)
    if options.data is None:
        parser.error("--data DIR is missing: the folder that holds the data sets")
    for row in chosen:
        for seed in options.seeds or missing_seeds(row):
            measure(row, seed, options.data.resolve(), options.work.resolve())


def known_rows() -> list[Row]:
    """Return all rows that can be measured."""
    rows = []
    for path in sorted(SPECS.glob("*.yaml")):
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, row in spec["rows"].items():
            rows.append(
                Row(
                    path.stem, name, float(row["hours"]), tuple(spec.get("prepare", ())),
                    (*row["commands"], *spec.get("evaluate", ())),
                    spec.get("figures", {}) | row.get("figures", {}),
                )
            )  # fmt: skip
    return rows


def choose(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """Return the rows of some names.

    Raises:
        SystemExit: A name is unknown, or there is none.
    """
    chosen: list[Row] = []
    for name in names:
        own = [row for row in rows if name in {row.table, f"{row.table}/{row.name}"}]
        if not own:
            known = ", ".join(f"{row.table}/{row.name}" for row in rows)
            raise SystemExit(f"there is no table or row '{name}'; expected one of {known}")
        chosen += [row for row in own if row not in chosen]
    if not chosen:
        raise SystemExit("nothing to measure: give tables or TABLE/ROW; --list shows them")
    return chosen


def listing(rows: Sequence[Row]) -> list[str]:
    """Return a line for each row: hours of a seed, seeds that are there and that are missing."""
    lines = ["hours of a seed  seeds  missing  row"]
    for row in rows:
        have = [str(run["seed"]) for run in entry(tables.read(row.table), row.name)["runs"]]
        missing = ",".join(map(str, missing_seeds(row)))
        name = f"{row.table}/{row.name}"
        lines.append(f"{row.hours:15g}  {','.join(have) or '-':5}  {missing or '-':7}  {name}")
    measured = {(row.table, row.name) for row in rows}
    for path in sorted(tables.RESULTS.glob("*.json")):
        for one in tables.read(path.stem)["rows"]:
            own = not tables.fixed(one) and "same_as" not in one
            if own and (path.stem, one["name"]) not in measured:
                lines.append(f"{'-':>15}  no commands yet  {path.stem}/{one['name']}")
    return lines


def missing_seeds(row: Row) -> list[int]:
    """Return the seeds of a row that its table should have and has not."""
    table = tables.read(row.table)
    runs = entry(table, row.name)["runs"]
    have = {run["seed"] for run in runs if set(row.figures) <= set(run["figures"])}
    return [seed for seed in range(table.get("seeds", 1)) if seed not in have]


def entry(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a row of a table.

    Raises:
        SystemExit: It has none of this name.
    """
    for row in table["rows"]:
        if row["name"] == name:
            return dict(row)
    raise SystemExit(f"docs/results has no row '{name}' in {table['about']!r}; add it there first")


def measure(row: Row, seed: int, data: Path, work: Path) -> None:
    """Run what is left of a row's commands for one seed, and record its figures."""
    run = work / row.table / f"{row.name}-{seed}"
    run.parent.mkdir(parents=True, exist_ok=True)
    places = {"data": str(data), "work": str(work), "run": str(run), "seed": str(seed)}
    places["here"] = str(SPECS)
    with open(work / "prepared.lock", "a") as lock:  # tables share data, also in two processes
        portalocker.lock(lock, portalocker.LOCK_EX)
        run_all(row.prepare, places, work / "prepared.json")
    finished = run_all(row.commands, places, run.with_suffix(".json"))
    figures = {
        name: read_figure(run, *where.format(**places).split()) if isinstance(where, str) else where
        for name, where in row.figures.items()
    }
    shown = {"data": "DATA", "work": "WORK", "run": f"WORK/{row.table}/{row.name}-{seed}"}
    shown["here"] = "benchmarks/papers"
    commands = [c.format(**shown, seed=seed) for c in (*row.prepare, *row.commands)]
    record(row, {
        "seed": seed, "figures": figures, "commands": commands,
        **origin(run, {places[key]: shown[key] for key in ("data", "work")}),
        "core_minutes": round(sum(finished.values()) / 60, 1),
    })  # fmt: skip


def run_all(commands: Sequence[str], places: Mapping[str, str], state: Path) -> dict[str, float]:
    """Run the commands that have not finished before; return the processor time of each.

    Raises:
        SystemExit: A command fails.
    """
    finished: dict[str, float] = json.loads(state.read_text()) if state.exists() else {}
    for command in commands:
        line = command.format(**places)
        if line in finished:
            continue
        print(f"$ {line}", flush=True)
        words = shlex.split(line)
        if words[0] in {"crossimage", "python"}:
            words[:1] = [
                sys.executable,
                *(["-m", "crossimage"] if words[0] == "crossimage" else []),
            ]
        before = _children()
        done = subprocess.run(words, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
        if done.returncode:
            raise SystemExit(f"exit status {done.returncode} of: {line}")
        finished[line] = round(_children() - before, 1)
        _write(state, json.dumps(finished, indent=1))
    return finished


def read_figure(run: Path, file: str, name: str) -> Any:
    """Read a figure from a file in a run's folder: a number, with its interval if there is one."""
    content = json.loads((run / file).read_text(encoding="utf-8"))
    if "runs" not in content:
        return content[name]
    found = [one for one in content["runs"][0]["figures"] if one["name"] == name]
    if not found:
        raise SystemExit(f"{run / file} has no figure '{name}'")
    figure = found[0]
    return [figure["value"], *figure["interval"]] if figure["interval"] else figure["value"]


def origin(run: Path, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what a run says about itself: settings, commit, versions and hardware.

    Args:
        run: Its folder.
        names: What folders of this machine are called in the settings.
    """
    facts = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    git = facts.get("git") or {}
    commit = git.get("commit", "not recorded") + (" with changes" if git.get("changed") else "")
    settings = (run / "config.yaml").read_text(encoding="utf-8")
    for folder in sorted(names, key=len, reverse=True):  # one may be in the other
        settings = settings.replace(folder, names[folder])
    return {
        "settings": yaml.safe_load(settings),
        "commit": commit,
        "versions": facts["versions"],
        "hardware": f"{_processor()}, {facts['threads']} thread, {facts['precision']}",
    }


def record(row: Row, found: Mapping[str, Any]) -> None:
    """Add a run to its row, in place of an earlier one of the same seed, and write the tables."""
    path = tables.RESULTS / f"{row.table}.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    own = next(one for one in table["rows"] if one["name"] == row.name)
    runs = [run for run in own["runs"] if run["seed"] != found["seed"]]
    own["runs"] = sorted([*runs, found], key=lambda run: run["seed"])
    _write(path, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    for page in tables.pages():
        _write(page, tables.rewritten(page))
    print(f"{row.table}/{row.name}, seed {found['seed']}: {found['figures']}", flush=True)


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        for line in cpus.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
