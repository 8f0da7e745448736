"""Runs are compared: what differs, what can't be compared, and what is missing."""

import json
import shutil
from pathlib import Path

import pytest

from crossimage.checkpoints.run_folder import lock
from crossimage.runs.comparison import Comparison, ComparisonRow, compare_runs
from tests.runs.folders import report, run_folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def named(rows: list[ComparisonRow]) -> dict[str, list[str]]:
    return {row.name: row.values for row in rows}


def notes_of(comparison: Comparison, part: str) -> list[str]:
    return [note for note in comparison.notes if part in note]


def test_only_settings_that_differ_are_listed_with_all_facts(tmp_path: Path) -> None:
    a = run_folder(tmp_path / "a", learning_rate=1e-3)
    b = run_folder(tmp_path / "b", rate=5, batch_size=4, environment={"versions": {"torch": "3"}})
    compared = compare_runs([a, b])
    assert compared.titles == ["a", "b"] and compared.notes == []
    assert named(compared.settings) == {
        "batch_size": ["1", "4"], "learning_rate": ["0.001", "0.0002"],
    }  # fmt: skip
    assert compared.same_settings > 40
    facts = named(compared.facts)
    assert facts["speed at the end"] == ["2.00 steps/s, 2 images/s", "5.00 steps/s, 20 images/s"]
    assert facts["training time"] == ["20 s", "8 s"]
    assert facts["steps"] == ["40 of 40"] * 2 and facts["device"] == ["a GPU"] * 2
    assert facts["torch version"] == ["2.9.0", "3"]
    assert facts["python version"] == ["3.12.1", "not recorded"] and "platform" not in facts


def test_runs_of_other_methods_and_data_say_what_cannot_be_compared(tmp_path: Path) -> None:
    a = run_folder(tmp_path / "a")
    b = run_folder(tmp_path / "b", "munit", environment={"data": "other", "device": "a CPU"})
    compared = compare_runs([a, b])
    assert notes_of(compared, "different methods (cyclegan, munit)")
    assert notes_of(compared, "different data") and notes_of(compared, "different devices")
    settings = named(compared.settings)
    assert settings["style_dim"] == ["no such setting", "8"]
    keys = list(settings)
    assert keys.index("resize") < keys.index("style_dim")  # what both have comes first


@pytest.mark.parametrize(
    ("folder", "data", "same"),
    [("/home/me", "photos", True), ("/home", "me/photos", True), ("/home/you", "photos", False)],
)
def test_data_is_the_same_where_its_path_is_from_each_folder(
    tmp_path: Path, folder: str, data: str, same: bool
) -> None:
    a = run_folder(tmp_path / "a")
    b = run_folder(tmp_path / "b", environment={"folder": folder, "data": data})
    assert bool(notes_of(compare_runs([a, b]), "different data")) is not same


def test_settings_that_an_older_run_did_not_have_are_told_apart(tmp_path: Path) -> None:
    a, b = run_folder(tmp_path / "a"), run_folder(tmp_path / "b")
    config = (b / "config.yaml").read_text().splitlines(keepends=True)
    left_out = ("smallest_zoom", "data_rules", "holdout")
    (b / "config.yaml").write_text("".join(x for x in config if not x.startswith(left_out)))
    assert named(compare_runs([a, b]).settings) == {
        "smallest_zoom": ["1.0", "not recorded"], "holdout": ["0.1", "0.0"],
        "data_rules": ["3", "1"],
    }  # fmt: skip


def test_damaged_and_missing_files_cost_only_what_they_hold(tmp_path: Path) -> None:
    a, b, c = (run_folder(tmp_path / name) for name in "abc")
    with open(a / "metrics.csv", "a") as file:
        file.write("x,y\n50,zz,1,1,1\n60,3")
    (b / "metrics.csv").write_bytes(b"\x00\xff\x00garbage")
    (b / "environment.json").write_text("{")
    (b / "report.json").write_text("[")
    (c / "metrics.csv").unlink()
    (c / "environment.json").unlink()
    compared = compare_runs([a, b, c])
    assert len(compared.records[0].rows) == 4
    for said in (
        f"3 lines of {a / 'metrics.csv'} can't be read and are left out",
        f"1 line of {b / 'metrics.csv'} can't be read and is left out",
        f"{b / 'environment.json'} can't be read",
        f"{b / 'report.json'} can't be read as a report",
        f"{c / 'environment.json'} is missing",
        f"c has no losses yet: {c / 'metrics.csv'} holds no rows",
    ):
        assert len(notes_of(compared, said)) == 1, said
    assert named(compared.facts)["speed at the end"][1:] == ["not recorded"] * 2


def test_a_run_that_is_still_training_is_compared_as_it_stands(tmp_path: Path) -> None:
    a, b = run_folder(tmp_path / "a"), run_folder(tmp_path / "b", steps=(10, 20))
    with lock(b):
        compared = compare_runs([a, b])
    assert named(compared.facts)["state"] == ["not begun", "running"]
    assert named(compared.facts)["steps"] == ["40 of 40", "20 of 40"]
    assert notes_of(compared, "b is still training")


def test_moved_folders_are_compared_like_others(tmp_path: Path) -> None:
    a, b = run_folder(tmp_path / "a"), run_folder(tmp_path / "old" / "b")
    shutil.move(tmp_path / "old", tmp_path / "new")
    assert compare_runs([a, tmp_path / "new" / "b"]).titles == ["a", "b"]
    assert not b.exists()


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    a = run_folder(tmp_path / "a")
    other = tmp_path / "other"
    other.mkdir()
    file = tmp_path / "model.safetensors"
    file.touch()
    cases = [
        ([], "found none"),
        ([a], f"only {a}; `crossimage info {a}` describes it"),
        ([a, tmp_path / "." / "a"], "are the same run"),
        ([a, tmp_path / "none"], "there is no run .*none; `crossimage runs DIR` lists"),
        ([a, tmp_path / "aa"], f"there is no run .*aa; did you mean '{a}'"),
        ([a, other], "has no config.yaml"),
        ([a, file], "is a file; expected the folder of a run"),
    ]
    for runs, said in cases:
        with pytest.raises((ValueError, FileNotFoundError), match=said):
            compare_runs(runs)
    for text, said in (("x: 1", "does not name the method"), ("- [", "is not valid YAML")):
        (other / "config.yaml").write_text(text)
        with pytest.raises(ValueError, match=said):
            compare_runs([a, other])


def test_figures_come_from_the_newest_reports_that_name_the_run(tmp_path: Path) -> None:
    a, b = run_folder(tmp_path / "runs" / "a"), run_folder(tmp_path / "runs" / "b")
    report(a / "evaluation" / "report.json", {"a": "elsewhere/a"}, {"fid": 30.0})
    report(Path("evaluation/report.json"), {"a": str(a), "b": str(b)}, {"kid": 0.5})
    report(b / "report-2.json", {"a": str(a), "b": str(b)}, {"fid": 20.5}, count=99)
    compared = compare_runs([a, b])
    assert named(compared.figures) == {"fid": ["30", "20.5"], "kid": ["0.5", "0.5"]}
    notes = {row.name: row.note for row in compared.figures}
    assert notes == {"fid": "measured differently, so not comparable", "kid": ""}


def test_figures_of_a_method_without_random_styles_are_compared(tmp_path: Path) -> None:
    a, b, c = (run_folder(tmp_path / name) for name in "abc")
    report(a / "report.json", {"a": str(a)}, {"fid": 30.0}, seed=3)
    report(b / "report.json", {"b": str(b)}, {"fid": 20.0}, seed=None)
    report(c / "report.json", {"c": str(c)}, {"fid": 25.0}, seed=4)
    assert [row.note for row in compare_runs([a, b]).figures] == [""]
    (row,) = compare_runs([a, b, c]).figures
    assert row.note == "measured differently, so not comparable"


@pytest.mark.parametrize("folder", ["evaluation", "a/evaluation", "a"])
def test_figures_of_random_styles_and_of_references_stand_apart(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a, b = run_folder(tmp_path / "a", "stargan_v2"), run_folder(tmp_path / "b", "stargan_v2")
    path = Path(folder, "report.json")
    report(path, {"a (latent)": "a", "a (reference)": "a"}, {"fid": 11.0})
    data = json.loads(path.read_text())
    data["runs"][1]["figures"][0]["value"] = 22.0
    path.write_text(json.dumps(data))
    report(b / "report.json", {"b (latent)": "b", "b (reference)": "b"}, {"fid": 33.0})
    assert named(compare_runs([a, b]).figures) == {
        "fid (latent)": ["11", "33"], "fid (reference)": ["22", "33"],
    }  # fmt: skip


def test_figures_of_both_directions_have_a_row_each(tmp_path: Path) -> None:
    a, b = run_folder(tmp_path / "a"), run_folder(tmp_path / "b")
    there, back = "edges to shoes", "shoes to edges"
    forth, reverse = {"direction": there}, {"direction": back}
    report(a / "report.json", {"a": str(a)}, {"fid": 10.0, "lpips": 0.4}, facts=forth)
    report(b / "report.json", {"b": str(b)}, {"fid": 20.0}, facts=forth)
    (fid, _) = compare_runs([a, b]).figures
    assert (fid.name, fid.values, fid.note) == ("fid", ["10", "20"], "")
    report(a / "report-2.json", {"a": str(a)}, {"fid": 90.0}, facts=reverse)
    assert named(compare_runs([a, b]).figures) == {
        f"fid, {there}": ["10", "20"], f"fid, {back}": ["90", "–"], "lpips": ["0.4", "–"],
    }  # fmt: skip
    report(b / "report.json", {"b": str(b)}, {"lpips": 0.5}, facts=reverse)
    notes = {row.name: row.note for row in compare_runs([a, b]).figures}
    assert notes["lpips"] == "measured differently, so not comparable"


def test_reports_of_several_methods_in_the_folder_of_a_run_are_not_taken_for_its_own(
    tmp_path: Path,
) -> None:
    a, b = run_folder(tmp_path / "a"), run_folder(tmp_path / "b")
    report(a / "report.json", {"one": "one", "two": "two"}, {"fid": 30.0})
    assert compare_runs([a, b]).figures == []


def test_figures_have_their_intervals_and_gaps(tmp_path: Path) -> None:
    a, b = run_folder(tmp_path / "a"), run_folder(tmp_path / "b")
    report(a / "report.json", {"a": "a"}, {"lpips": 0.25}, interval=[0.2, 0.3])
    assert named(compare_runs([a, b]).figures) == {"lpips": ["0.25 ± 0.05", "–"]}
