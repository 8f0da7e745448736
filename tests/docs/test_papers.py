"""Rows of the tables are trained, evaluated and recorded once, and go on after an interruption."""

import importlib
import json
import shlex
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crossimage.recipes import list_recipes

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

WRITES = """python -c "import json, pathlib, sys; run = pathlib.Path(sys.argv[1]); run.mkdir();
(run / 'environment.json').write_text(json.dumps(dict(versions=dict(torch='9'), threads=1,
precision='bf16', git=dict(commit='abc', changed=True))));
(run / 'config.yaml').write_text('features: ' + str(run.parent));
(run / 'accuracy.json').write_text(json.dumps(dict(usps=0.5 + int(sys.argv[2]) / 100)))" """
REPORTS = """python -c "import json, pathlib, sys; out = pathlib.Path(sys.argv[1], 'report.json');
figures = [dict(name='fid', value=3.0, interval=[2.0, 4.0])];
out.write_text(json.dumps(dict(runs=[dict(figures=figures)])))" """


@pytest.fixture
def papers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The benchmark, on a table and a page of its own."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    module = importlib.import_module("papers")
    for name, folder in (("DOCS", "docs"), ("RESULTS", "docs/results")):
        monkeypatch.setattr(module.tables, name, tmp_path / folder)
    monkeypatch.setattr(module, "SPECS", tmp_path / "specs")
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / "specs").mkdir()
    columns = [{"heading": "accuracy", "figure": "acc"}, {"heading": "FID", "figure": "fid"}]
    rows = [
        {"name": "own", "label": "own", "runs": []},
        {"name": "other", "label": "o", "runs": []},
    ]
    table = {"about": "a test", "seeds": 2, "columns": columns, "rows": rows}
    (tmp_path / "docs" / "results" / "toy.json").write_text(json.dumps(table))
    (tmp_path / "docs" / "page.md").write_text("<!-- table toy -->\n<!-- end of table -->\n")
    spec = {
        "prepare": ["python -c \"open(r'{work}/data.txt', 'x')\""],
        "rows": {"own": {
            "hours": 0.5,
            "commands": [f"{WRITES} {{run}} {{seed}}", f"{REPORTS} {{run}}"],
            "figures": {"acc": "accuracy.json usps", "fid": "report.json fid"},
        }},
    }  # fmt: skip
    (tmp_path / "specs" / "toy.yaml").write_text(json.dumps(spec))
    return module


def run(papers: ModuleType, tmp_path: Path, *words: str) -> None:
    sys.argv = ["papers.py", "--data", str(tmp_path), "--work", str(tmp_path / "work"), *words]
    papers.main()


def table_of(tmp_path: Path) -> list[dict[str, Any]]:
    data = json.loads((tmp_path / "docs" / "results" / "toy.json").read_text())
    return list(data["rows"][0]["runs"])


def test_missing_seeds_are_measured_and_recorded_with_their_origin(
    papers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    (tmp_path / "work").mkdir()
    run(papers, tmp_path, "toy/own")
    first, second = table_of(tmp_path)
    assert first["figures"] == {"acc": 0.5, "fid": [3.0, 2.0, 4.0]}
    assert second["figures"]["acc"] == 0.51
    assert first["settings"] == {"features": "WORK/toy"} and first["commit"] == "abc with changes"
    assert first["versions"] == {"torch": "9"} and "1 thread, bf16" in first["hardware"]
    assert str(tmp_path) not in json.dumps(first["commands"])
    assert "| own | 0.505" in (tmp_path / "docs" / "page.md").read_text()
    run(papers, tmp_path, "toy")  # all is there: a second folder of a run would be refused
    assert table_of(tmp_path) == [first, second]


def test_commands_that_have_finished_are_not_repeated(
    papers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    (tmp_path / "work").mkdir()
    run(papers, tmp_path, "toy", "--seeds", "0")
    (tmp_path / "work" / "toy" / "own-0" / "report.json").unlink()
    state = tmp_path / "work" / "toy" / "own-0.json"
    finished = json.loads(state.read_text())
    state.write_text(json.dumps(dict(list(finished.items())[:1])))  # killed in the second
    run(papers, tmp_path, "toy", "--seeds", "0")
    assert [one["seed"] for one in table_of(tmp_path)] == [0]


def test_tables_share_what_is_prepared(
    papers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    (tmp_path / "work").mkdir()
    for name in ("specs/{}.yaml", "docs/results/{}.json"):
        shutil.copy(tmp_path / name.format("toy"), tmp_path / name.format("second"))
    run(papers, tmp_path, "toy", "second", "--seeds", "0")  # the data are made only once
    assert [one["seed"] for one in table_of(tmp_path)] == [0]


def test_the_list_names_hours_and_what_is_missing(
    papers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["papers.py", "--list"])
    papers.main()
    _, own, other = capsys.readouterr().out.splitlines()
    assert own.split() == ["0.5", "-", "0,1", "toy/own"]
    assert "no commands yet" in other and "toy/other" in other


def test_unknown_names_and_failing_commands_stop_with_a_sentence(
    papers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    with pytest.raises(SystemExit, match="no table or row 'toys'; expected one of toy/own"):
        run(papers, tmp_path, "toys")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "data.txt").touch()  # which the first command refuses to replace
    with pytest.raises(SystemExit, match="exit status 1 of: python"):
        run(papers, tmp_path, "toy")


def test_every_recorded_row_has_a_place_and_every_recipe_exists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    papers = importlib.import_module("papers")
    rows, recipes = papers.known_rows(), dict(list_recipes())
    assert len(rows) > 10
    for row in rows:
        table = papers.tables.read(row.table)
        assert papers.entry(table, row.name)["name"] == row.name
        places = {"data": "d", "work": "w", "run": "r", "seed": "0", "here": "h"}
        for command in (*row.prepare, *row.commands):
            words = shlex.split(command.format(**places))
            if words[:2] == ["crossimage", "train"]:
                assert words[2] in recipes, command
