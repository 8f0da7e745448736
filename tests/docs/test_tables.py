"""The tables of figures are those of docs/results, and say what is missing."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = sorted((ROOT / "docs" / "results").glob("*.json"))


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(*runs: dict[str, Any], **more: Any) -> dict[str, Any]:
    numbered = [{"seed": seed, "figures": figures} for seed, figures in enumerate(runs)]
    return {"label": "model", "runs": numbered} | more


def test_every_table_of_a_page_agrees_with_its_file(tables: ModuleType) -> None:
    pages = tables.pages()
    assert ROOT / "docs" / "results.md" in pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert tables.rewritten(page) == text, f"{page.name}: run benchmarks/tables.py"


def test_every_file_has_its_table(tables: ModuleType) -> None:
    shown = {name for page in tables.pages() for name in tables.names_in(page)}
    assert shown == {path.stem for path in RESULTS}


def test_no_table_of_results_is_typed_by_hand() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    by_hand = re.sub(r"<!-- table .*?<!-- end of table -->", "", text, flags=re.DOTALL)
    assert not re.search(r"^\|", by_hand, re.MULTILINE)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_figure_says_where_it_comes_from(path: Path) -> None:
    table = json.loads(path.read_text(encoding="utf-8"))
    names = [row["name"] for row in table["rows"]]
    assert table["about"] and len(set(names)) == len(names)
    for one in table["rows"]:
        if one.get("published") or one.get("fixed") or "same_as" in one:
            continue
        seeds = [run["seed"] for run in one["runs"]]
        assert len(set(seeds)) == len(seeds)
        for run in one["runs"]:
            assert {"commands", "settings", "commit", "versions", "hardware"} <= run.keys()


def test_a_changed_figure_makes_the_page_stale(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"about": "", "columns": [{"heading": "FID", "figure": "fid", "digits": 1}]}
    monkeypatch.setattr(tables, "DOCS", tmp_path)
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("before\n\n<!-- table own -->\n<!-- end of table -->\n\nafter\n")
    for value in (12.0, 13.0):
        data = json.dumps(table | {"rows": [row({"fid": value})]})
        (tmp_path / "own.json").write_text(data)
        text = tables.rewritten(page)
        assert text != page.read_text() and f"| model | {value} |" in text
        assert text.startswith("before\n\n<!-- table own -->\n\n| | FID |\n|---|---|\n")
        page.write_text(text)
        assert tables.rewritten(page) == text


def test_missing_figures_and_seeds_are_marked(tables: ModuleType) -> None:
    table = {
        "columns": [{"heading": "FID", "figure": "fid"}, {"heading": "KID", "figure": "kid"}],
        "seeds": 3,
        "rows": [row({"fid": 3}), row(), row({"fid": None, "kid": 1}), row({"fid": 2}, fixed=True)],
    }
    lines = tables.markdown(table).splitlines()
    assert lines[2:] == [
        "| model | 3 | missing | 1 of 3 |",
        "| model | missing | missing | 0 of 3 |",
        "| model | – | 1 | 1 of 3 |",
        "| model | 2 | – | – |",
    ]


def test_several_seeds_are_shown_with_the_interval_of_their_mean(tables: ModuleType) -> None:
    several = row({"acc": [0.80, 0.70, 0.90]}, {"acc": 0.90}, {"acc": [1.0, 0.9, 1.0]})
    column = {"figure": "acc", "digits": 1, "scale": 100, "unit": " %"}
    half = 4.303 * 10 / 3**0.5  # Student's t of two degrees of freedom, a deviation of 10 %
    assert tables.cell(several, column) == f"90.0 % ± {half:.1f}"
    assert tables.cell(several, column | {"show": "plain"}) == "90.0 %"
    assert tables.cell(several, column | {"seed": 1}) == "90.0 %"
    assert tables.cell(several, column | {"seed": 0}) == "80.0 % ± 10.0"
    assert tables.cell(several, column | {"seed": 0, "show": "interval"}) == "70.0 to 90.0 %"
    ends = column | {"show": "interval", "bounds": [0, 1]}  # of a mean of 90 % ± 24.8
    assert tables.cell(several, ends) == f"{90 - half:.1f} to 100.0 %"
    assert tables.cell(several, column | {"seed": 5}) == "missing"


def test_numbers_are_written_as_columns_ask(tables: ModuleType) -> None:
    own = row({"psnr": 28.4, "ssim": 0.81, "kid": -0.012})
    both = {"figure": ["psnr", "ssim"], "digits": [2, 4], "zero": False}
    assert tables.cell(own, both) == "28.40 / .8100"
    assert tables.cell(own, {"figure": "kid", "digits": 2, "zero": False}) == "−.01"
    assert tables.cell(own | {"digits": {"kid": 1}}, {"figure": "kid", "digits": 2}) == "−0.0"
    assert tables.cell(own | {"texts": {"time": "4 min"}}, {"text": "time"}) == "4 min"
