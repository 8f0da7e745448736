"""Results are found by title and shown as a table; a report is written on demand."""

from pathlib import Path

import pytest

from crossimage.evaluation.report.figures import LOWER, Figure
from crossimage.evaluation.report.page import NOT_COMPARABLE, Evaluation
from crossimage.evaluation.report.result import report_result


def evaluation(title: str, *values: float, comparable: bool = True) -> Evaluation:
    figures = [
        Figure(name, value, None, 3, "how", None, "none 0", comparable, direction=LOWER)
        for name, value in zip(("fid", "kid"), values, strict=False)
    ]
    return Evaluation(title, {}, figures, missing={} if len(values) > 1 else {"kid": "few images"})


def test_models_are_found_by_their_titles() -> None:
    result = report_result([evaluation("a", 1.0, 2.0), evaluation("b", 3.0)], {}, None)
    assert result["b"]["fid"].value == 3.0 and [one.title for one in result] == ["a", "b"]
    with pytest.raises(KeyError, match="there are no results of 'c', only of a, b"):
        result["c"]
    with pytest.raises(KeyError, match="b has no figure 'kid', only fid"):
        result["b"]["kid"]


def test_several_models_are_lines_of_a_table_and_a_single_one_is_a_column() -> None:
    two = report_result([evaluation("a", 1.0, 2.0), evaluation("long", 3.0)], {}, None)
    assert str(two).splitlines() == [
        "      fid  kid", "a       1    2", "long    3    –", "– no kid of long: few images"
    ]  # fmt: skip
    one = report_result([evaluation("a", 1.0, 2.0, comparable=False)], {}, None)
    assert str(one).splitlines() == ["       a", "fid  1 *", "kid  2 *", f"* {NOT_COMPARABLE}"]


def test_a_report_is_written_where_a_folder_is_given(tmp_path: Path) -> None:
    assert report_result([evaluation("a", 1.0)], {}, None).report_html is None
    result = report_result([evaluation("a", 1.0), evaluation("b", 2.0)], {}, tmp_path / "out")
    assert result.report_json == tmp_path / "out" / "report.json"
    assert result.report_html is not None
    assert "<h1>2 models compared</h1>" in result.report_html.read_text()
