"""`crossimage.evaluate`: models or folders in, typed figures out, and nothing printed."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

import crossimage
from crossimage.checkpoints.model_file import save_model
from tests.evaluation.helpers import model, pictures

RANDOM: dict[str, Any] = {"features": "random", "lpips_weights": "random", "device": "cpu"}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_models_are_compared_and_nothing_is_printed(
    folders: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "cyclegan.safetensors", model("cyclegan").networks)
    calls: list[tuple[str, int, int]] = []
    result = crossimage.evaluate(
        model(), tmp_path / "cyclegan.safetensors", data=folders, metrics=["fid", "cis"],
        titles=("ours", "theirs"), out=tmp_path / "out", samples=2, seed=3,
        classifier=_classifier(tmp_path), on_progress=lambda *call: calls.append(call), **RANDOM,
    )  # fmt: skip
    assert capfd.readouterr() == ("", "")
    assert [run.title for run in result] == ["ours", "theirs"]
    fid = result["ours"]["fid"]
    assert fid.value > 0 and fid.seed == 3 and "2 inputs" in fid.protocol
    assert fid.direction == crossimage.evaluation.report.figures.LOWER
    assert "no diversity to measure" in result["theirs"].missing["cis"]
    assert ("ours: cis", 0, 2) in calls and ("theirs: single outputs", 2, 2) in calls
    assert result.report_html == tmp_path / "out" / "report.html" and result.report_html.is_file()
    assert result.report_json is not None
    data = json.loads(result.report_json.read_text())
    assert data["runs"][0]["figures"][0]["value"] == fid.value
    assert data["settings"]["runs"] == ["munit", str(tmp_path / "cyclegan.safetensors")]
    with pytest.raises(FrozenInstanceError):
        result.report_json = None  # type: ignore[misc]
    with pytest.raises(KeyError, match="no results of 'munit', only of ours, theirs"):
        result["munit"]
    with pytest.raises(KeyError, match="theirs has no figure 'cis', only fid"):
        result["theirs"]["cis"]


def _classifier(folder: Path) -> Path:
    from crossimage.evaluation.networks.classifier import ClassifierNetwork, save_classifier

    path = folder / "classifier.safetensors"
    network = ClassifierNetwork("resnet18_small", 9, 2)
    save_classifier(path, "resnet18_small", network, ["edges", "shoes"], {})
    return path


def test_translators_of_one_method_are_told_apart(folders: Path) -> None:
    result = crossimage.evaluate(model(), model(), data=folders, metrics="is", **RANDOM)
    assert [run.title for run in result] == ["munit (1)", "munit (2)"]
    assert result["munit (1)"]["is"] == result["munit (2)"]["is"]


def test_a_folder_is_evaluated_without_a_report(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    real = pictures(tmp_path / "real", "a.png", "b.png", "c.png")
    before = sorted(tmp_path.rglob("*"))
    result = crossimage.evaluate(fake=fake, real=str(real), metrics="l1,psnr", **RANDOM)
    assert result.report_html is None and result.report_json is None
    assert result[str(fake)]["l1"].value == 0
    assert sorted(tmp_path.rglob("*")) == before
    first, _, *others = str(result).splitlines()
    assert first == f"{fake}: 2 results, grouped as 2 inputs with 1 each by their names"
    *lines, note = [line.split(maxsplit=1) for line in others]
    assert lines == [["psnr", "inf [1]"], ["psnr_y", "inf [1]"], ["l1", "0 ± 0 [1]"]]
    assert note[1].startswith("2 of the 2 results are files of the real images")


@pytest.mark.parametrize(
    ("models", "options", "sentence"),
    [
        ([], {}, "nothing to evaluate"),
        (["run"], {}, "data is missing"),
        ([], {"fake": "a"}, "belong together"),
        (["run"], {"fake": "a", "real": "b"}, "take the place of runs"),
        (["run"], {"data": "d", "titles": []}, "found 0 titles for 1 models"),
        (["run"], {"data": "d", "metrics": "fdi"}, "did you mean 'fid'"),
        (["run"], {"data": "d", "samples": 0}, "samples must be at least 1, found 0"),
        ([""], {"data": "d"}, "is empty; give a path"),
    ],
)
def test_wrong_calls_are_refused(
    models: list[str], options: dict[str, Any], sentence: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for folder in models:
        Path(folder).mkdir(exist_ok=True)
    with pytest.raises(ValueError, match=sentence):
        crossimage.evaluate(*models, **options)


@pytest.mark.parametrize("name", ["file", "file/evaluation"])
def test_a_file_in_the_place_of_the_reports_folder_is_refused_first(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    with pytest.raises(ValueError, match=r"file is a file; expected a folder for report\.json"):
        crossimage.evaluate(
            fake=fake, real=fake, metrics="l1", out=tmp_path / name, device="cpu",
            on_progress=lambda *_: pytest.fail("evaluated for nothing"),
        )  # fmt: skip


def test_a_list_of_models_is_refused_with_the_way_to_pass_them() -> None:
    with pytest.raises(TypeError, match=r"separate arguments: evaluate\('runs/a', 'runs/b'"):
        crossimage.evaluate(["runs/a", "runs/b"], data="x")  # type: ignore[arg-type]


def test_missing_models_and_networks_are_named(folders: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        crossimage.evaluate("nowhere", data=folders, **RANDOM)
    with pytest.raises(FileNotFoundError, match="none, given with --classifier, does not exist"):
        crossimage.evaluate(model(), data=folders, classifier="none", **RANDOM)
