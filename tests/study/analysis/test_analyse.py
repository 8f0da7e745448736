"""Simulated judges of known strengths, and the report on their votes."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossimage.cli.app import main
from crossimage.study.analysis.analyse import analyse_study
from crossimage.study.make import make_study, remake_study
from crossimage.study.simulate import simulate
from crossimage.study.store import Store
from tests.study.people import folders, make_small

STRENGTHS = {"one": 0.6, "two": 0.0, "three": -0.6}


def make(root: Path, protocol: str, **changes: Any) -> Path:
    methods = folders(root, *STRENGTHS, count=40)
    data = folders(root, "input", count=40)["input"]
    return make_study(
        root / "study", protocol, methods, data=data, changes={"seed": 1, **changes}
    ).folder


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["preference", "choice"])
def test_strengths_of_simulated_judges_are_recovered_within_the_intervals(
    protocol: str, tmp_path: Path
) -> None:
    more = {"questions": 120, "answers": 5, "trials": 20}
    recovered = []
    for seed in range(6):  # 95 % intervals hold most truths, not all of them
        root = tmp_path / str(seed)
        own = more if protocol == "preference" else {"people": 40}
        study = make(root, protocol, **{**own, "seed": seed})
        assert simulate(study, STRENGTHS) > 500
        for method in analyse_study(study).figures.methods:
            figure = method["bradley_terry"]
            assert figure.interval is not None
            assert figure.interval[1] - figure.interval[0] < 1
            assert figure.value == pytest.approx(STRENGTHS[method.title], abs=0.25)
            recovered.append(figure.interval[0] <= STRENGTHS[method.title] <= figure.interval[1])
    assert sum(recovered) / len(recovered) >= 0.75


def test_percent_fooled_of_simulated_judges_is_recovered(tmp_path: Path) -> None:
    study = make(tmp_path, "real-or-fake", people=20, trials=30, practice=5)
    simulate(study, STRENGTHS)
    result = analyse_study(study)
    true = {"one": 64.6, "two": 50.0, "three": 35.4}
    for method in result.figures.methods:
        figure = method["fooled"]
        assert figure.interval is not None and figure.count == 20 * 30
        assert figure.interval[0] - 1 <= true[method.title] <= figure.interval[1] + 1
    assert "Percent fooled over trials" in str(result)


def test_opinions_of_simulated_judges_are_recovered(tmp_path: Path) -> None:
    study = make(tmp_path, "opinion", people=10, calibration=0)
    simulate(study, STRENGTHS)
    for method in analyse_study(study).figures.methods:
        figure = method["mos"]
        assert figure.value == pytest.approx(3 + STRENGTHS[method.title], abs=0.25)


def test_the_report_has_figures_tables_votes_and_settings(tmp_path: Path) -> None:
    study = make_small(tmp_path, "preference").folder
    simulate(study, STRENGTHS)
    result = analyse_study(study)
    data = json.loads(result.report_json.read_text())
    assert data["study"]["counted"] == 36
    assert {run["title"] for run in data["runs"]} == {"one", "two"}
    page = result.report_html.read_text()
    for title in ("Wins", "Agreement", "Votes", "Time per answer", "Krippendorff"):
        assert title in page
    with open(study / "analysis" / "votes.csv") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == data["study"]["votes"]
    assert {line["answer"] for line in lines} <= {"one", "two", "(scrambled)"}
    first = result.report_html.read_bytes()
    analyse_study(study)
    assert result.report_html.read_bytes() == first


def test_the_written_settings_repeat_the_study(tmp_path: Path) -> None:
    study = make_small(tmp_path, "choice").folder
    simulate(study, STRENGTHS)
    analyse_study(study)
    again = remake_study(tmp_path / "again", study / "analysis" / "study.yaml").folder
    questions = []
    for folder in (study, again):
        store = Store(folder / "study.sqlite")
        questions.append([(q.key, q.wanted, q.turn) for q in store.questions().values()])
        store.close()
    assert questions[0] == questions[1]
    assert (again / "study.yaml").read_text() == (study / "study.yaml").read_text()


def test_people_who_fail_checks_are_excluded_and_counted(tmp_path: Path) -> None:
    study = make_small(tmp_path, "preference", checks=1, wrong_checks=1, answers=9).folder
    simulate(study, STRENGTHS, people=6)
    store = Store(study / "study.sqlite")
    before = analyse_study(study).figures.methods[1]["preference"].count
    store.rows("UPDATE person SET wrong = 1 WHERE id = 1")
    store.close()
    result = analyse_study(study)
    assert result.figures.methods[1]["preference"].count == before - 6
    data = json.loads(result.report_json.read_text())["study"]
    assert data["excluded_people"] == 1
    assert data["left_out"]["1 or more wrong answers to checks exclude the person"] == 6


def test_several_studies_are_analysed_one_by_one_and_files_of_answers_are_not_studies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    studies = [make_small(tmp_path / name, "preference").folder for name in "ab"]
    for study in studies:
        simulate(study, STRENGTHS)
    assert main(["study", "analyse", *map(str, studies)]) == 0
    said = capsys.readouterr().out
    assert "2 studies, each analysed by itself: their votes are not pooled" in said
    assert main(["study", "analyse", str(studies[0])]) == 0
    assert "pooled" not in capsys.readouterr().out
    answers = tmp_path / "answers-1.json"
    answers.write_text("{}")
    assert main(["study", "analyse", str(studies[0]), str(answers)]) == 2
    assert f"`crossimage study import STUDY {answers}`" in capsys.readouterr().err


def test_without_votes_there_is_nothing_to_analyse(tmp_path: Path) -> None:
    study = make_small(tmp_path, "preference").folder
    with pytest.raises(ValueError, match="no vote counts"):
        analyse_study(study)


def test_settings_changed_after_the_first_vote_are_refused(tmp_path: Path) -> None:
    study = make_small(tmp_path, "preference").folder
    simulate(study, STRENGTHS)
    settings = yaml.safe_load((study / "study.yaml").read_text())
    (study / "study.yaml").write_text(yaml.safe_dump({**settings, "wrong_checks": 1}))
    with pytest.raises(ValueError, match="wrong_checks was changed after the first vote"):
        analyse_study(study)
