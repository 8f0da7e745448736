"""``crossimage train --resume RUN``: a run is continued by its name alone."""

import json
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossimage import train
from crossimage.cli.app import main
from tests.conftest import as_arguments, steady
from tests.faults.harness import compare
from tests.training.schedule.test_timetable import steps_of_70_seconds

SETTINGS: dict[str, Any] = steady(steps=6, domains="edges,shoes", ema_decay=0.9)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")


def begin(folder: Path, images: Path) -> Path:
    """Begin a run with relative paths, and stop it after two steps."""
    shutil.copytree(images, folder / "photos")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        train("cyclegan", "photos", "runs/one", **SETTINGS, on_progress=lambda progress: False)
    return folder / "runs" / "one"


@pytest.fixture
def run(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was begun in the working folder and stopped."""
    run = begin(tmp_path / "work", folders)
    monkeypatch.chdir(tmp_path / "work")
    return run


@pytest.fixture(scope="module")
def begun(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Such a run for tests that leave it as it is."""
    return begin(tmp_path_factory.mktemp("begun") / "work", folders)


@pytest.fixture(scope="module")
def whole(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that was not stopped."""
    run = tmp_path_factory.mktemp("whole") / "run"
    train("cyclegan", folders, run, **SETTINGS)
    return run


@pytest.mark.parametrize("place", [".", "runs", "/"])
def test_a_run_is_continued_from_any_folder(
    place: str, run: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    assert main(["train", "--resume", os.path.relpath(run)]) == 0
    compare(whole, run)
    assert os.path.samefile(os.getcwd(), place if place == "/" else run.parents[1] / place)


@pytest.mark.parametrize("paths", ["folders", "lists"])
def test_commands_to_copy_resume_the_run_from_any_folder(
    paths: str, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if paths == "lists":  # as a call of train may name, but no option
        images = {
            name: sorted(map(str, Path("photos", name).iterdir())) for name in ("trainA", "trainB")
        }
        facts = json.loads((run / "environment.json").read_text())
        facts["data"] = {"edges": images["trainA"], "shoes": images["trainB"]}
        (run / "environment.json").write_text(json.dumps(facts))
    begun_in = Path.cwd()
    monkeypatch.chdir("runs")
    assert main(["train", "--resume", "one"]) == 0
    heading, command = capsys.readouterr().out.splitlines()[-2:]
    assert heading == "train longer:" and command.split()[:3] == ["crossimage", "train", "--resume"]
    assert f"To be run in <code>{begun_in}</code>" in (run / "index.html").read_text()
    assert main(shlex.split(command)[1:]) == 0
    assert yaml.safe_load((run / "config.yaml").read_text())["steps"] == 12
    monkeypatch.chdir(begun_in)
    assert main(["train", "--resume", str(run)]) == 0
    assert "to train longer:\n" in capsys.readouterr().out


def test_settings_that_may_change_follow_the_run(run: Path) -> None:
    assert main(["train", "--resume", str(run), "steps=8", "--workers", "0"]) == 0
    assert yaml.safe_load((run / "config.yaml").read_text())["steps"] == 8


def test_a_run_without_a_checkpoint_starts_again(run: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    assert main(["train", "--resume", str(run)]) == 0
    assert (run / "checkpoints" / "step-00000006.pt").is_file()


def test_images_that_have_moved_are_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos").rename("moved")
    assert main(["train", "--resume", str(run)]) == 2
    assert "photos" in capsys.readouterr().err
    assert main(["train", "--resume", str(run), "--data", "moved"]) == 0


def test_a_run_that_does_not_tell_where_its_images_are_asks(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "environment.json").write_text(json.dumps({"torch": "2"}))
    assert main(["train", "--resume", str(run)]) == 2
    assert "add --data DIR" in capsys.readouterr().err
    assert main(["train", "--resume", str(run), "--data", "photos"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume", "nowhere"], "there is no run nowhere to resume; a new one is started with"),
        (["--resume", "runs/ones"], "no run runs/ones to resume; did you mean 'runs/one'?"),
        (["--resume", "one"], "no run one to resume; did you mean 'runs/one'?"),
        (["--resume", "photos"], "photos is not the folder of a run: it has no config.yaml"),
        (["--resume", "runs/one/model.safetensors"], "is a file, but --resume takes the folder"),
        (["--resume", "runs/one", "--out", "two"], "leave out --out, or use --init runs/one"),
        (["--resume", "runs/one", "--init", "two"], "leave out --init"),
        (["munit", "--resume", "runs/one"], "leave out 'munit'"),
        (["--resume", ""], "--resume is empty"),
        (["--resume", "runs/one", "--finish", "0"], "--finish '0' is not a duration"),
        (["--resume", "runs/one", "--budget", "9m"], "was begun without --budget"),
        (["--resume", "runs/one", "learning_rate=1"], "learning_rate: 0.001 -> 1.0"),
        (["--finish", "10m"], "`crossimage train --resume RUN --finish 10m`"),
        (["munit"], "--data is missing: expected `crossimage train RECIPE"),
    ],
)
def test_what_cannot_be_resumed_is_refused_in_a_sentence(
    arguments: list[str],
    said: str,
    begun: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(begun.parents[1])
    assert main(["train", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert sorted(p.name for p in (begun / "checkpoints").iterdir()) == ["step-00000002.pt"]


def test_what_is_advised_instead_of_resuming_with_other_settings_works(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--resume", str(run), "learning_rate=1"]) == 2
    said = capsys.readouterr().err
    resume, new_run = re.findall("`(crossimage train [^`]+)`", said)
    assert main(shlex.split(resume)[1:]) == 0
    assert "continuing" in capsys.readouterr().out
    assert main(shlex.split(new_run)[1:]) == 0
    assert (
        Path("runs/one-2/model.safetensors").is_file()
        or (run.with_name("one-2") / "model.safetensors").is_file()
    )


def test_the_command_of_a_budget_is_its_own_continuation(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    steps_of_70_seconds(monkeypatch)
    settings = {key: value for key, value in steady().items() if key != "steps"}
    words = ["train", "cyclegan", "--data", str(folders), "--out", str(tmp_path / "run")]
    words += [*as_arguments(settings), "--budget", "10m"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "--budget 10m: timing some steps" in said and "train longer:" in said
    assert main(words) == 0
    assert "has finished its" in capsys.readouterr().out
