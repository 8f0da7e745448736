"""Lists of runs, and what a model is."""

import json
from pathlib import Path

import pytest
import torch

import crossimage
from crossimage.checkpoints.run_folder import lock
from crossimage.cli.app import main
from crossimage.runs.listing import list_runs
from tests.conftest import small


@pytest.fixture(scope="module")
def finished(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("top")
    crossimage.train("munit", folders, top / "a", **small(steps=2))
    crossimage.train(
        "cyclegan", folders, top / "deep" / "b", on_progress=lambda _: False,
        **small("cyclegan", steps=9, log_every=1),
    )  # fmt: skip
    report = {"runs": [{"values": {"fid": None, "kid": 0.25}}]}
    (top / "a" / "evaluation").mkdir()
    (top / "a" / "evaluation" / "report.json").write_text(json.dumps(report))
    (top / "notes").mkdir()
    (top / "notes" / "config.yaml").write_text("x: 1\n")
    return top


def test_runs_are_listed_with_their_state(finished: Path, folders: Path) -> None:
    first, second = list_runs(finished)
    assert (first.run.name, first.method, first.step, first.steps) == ("a", "munit", 2, 2)
    assert (first.state, first.figure, first.data) == ("finished", "kid 0.25", str(folders))
    assert (second.run.name, second.method, second.state) == ("b", "cyclegan", "stopped")
    assert second.step < second.steps == 9
    with lock(second.run):
        assert list_runs(finished)[1].state == "running"
    assert list_runs(first.run) == [first]


def test_a_run_that_diverged_says_so(folders: Path, tmp_path: Path) -> None:
    settings = small(steps=9, save_every=1, max_skipped_steps=1)
    crossimage.train("munit", folders, tmp_path, on_progress=lambda _: False, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crossimage.methods.munit.l1_loss", lambda a, b: (a - b).mean() * torch.nan)
        with pytest.raises(ValueError, match="not finite"):
            crossimage.train("munit", folders, tmp_path, **settings)
    assert list_runs(tmp_path)[0].state == "diverged"


def test_the_command_prints_a_table(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(finished)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["run", "method", "steps", "state"] and len(rows) == 2
    assert "2/2" in rows[0] and "finished" in rows[0]


def test_a_folder_without_runs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(tmp_path)]) == 2
    assert f"{tmp_path} holds no run" in capsys.readouterr().err
    assert main(["runs", str(tmp_path / "x")]) == 2


def test_a_model_says_what_it_is(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(path: Path) -> dict[str, str]:
        assert main(["info", str(path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        return {line[:19].strip(): line[19:].strip() for line in lines}

    run, model = said(finished / "a"), said(finished / "a" / "model.safetensors")
    (checkpoint,) = (finished / "a" / "checkpoints").glob("*.pt")
    assert run["method"] == model["method"] == said(checkpoint)["method"] == "munit"
    assert run["sha256"] == model["sha256"] and len(run["sha256"]) == 64
    assert run["steps"] == "2 of 2, finished" and "steps" not in model
    assert run["use"] == f"crossimage translate {finished / 'a'} IMAGES --to b --out DIR"
    spaced = finished / "my model.safetensors"
    spaced.write_bytes((finished / "a" / "model.safetensors").read_bytes())
    try:
        assert said(spaced)["use"].startswith(f"crossimage translate '{spaced}' IMAGES ")
    finally:
        spaced.unlink()
    assert main(["info", str(finished / "notes")]) == 2
