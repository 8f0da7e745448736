"""Training from Python: typed results, progress by callback, nothing printed."""

import dataclasses
import inspect
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import crossimage
from crossimage import TrainingProgress, TrainingResult
from crossimage.config import keys
from crossimage.methods import METHODS
from crossimage.methods.cyclegan import CycleGAN
from tests.conftest import steady
from tests.faults.harness import compare


@pytest.fixture(scope="module")
def finished(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A finished run."""
    out = tmp_path_factory.mktemp("finished") / "run"
    return crossimage.train("cyclegan", data=folders, out=out, **steady(sample_every=2))


def test_data_is_a_path_or_text_or_paths_by_name(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="data is a path, a text such as .*; found list"):
        crossimage.train("cyclegan", ["a", "b"], tmp_path / "run")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="there is no a, which is to hold images of A"):
        crossimage.train("cyclegan", {"A": "a", "B": "b"}, tmp_path / "run")


def test_the_result_tells_where_everything_is(finished: TrainingResult) -> None:
    assert finished.method == "cyclegan" and isinstance(finished.config, CycleGAN.Config)
    assert (finished.first_step, finished.step, finished.stopped_by) == (0, 6, None)
    assert finished.targets == ("a", "b") and finished.config.domains == ("a", "b")
    assert finished.accuracies == {} and finished.warnings == ()
    for path in (finished.run, finished.model_path, finished.page_path, *finished.sample_sheets):
        assert path.exists()
    assert [path.stem for path in finished.sample_sheets] == [
        f"step-0000000{n}" for n in (0, 2, 4, 6)
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        finished.step = 7  # type: ignore[misc]


def test_the_history_holds_the_losses_of_every_logged_step(finished: TrainingResult) -> None:
    assert [row.step for row in finished.history] == [2, 4, 6]
    for row in finished.history:
        assert row.learning_rate == 0.001 and row.seconds > 0
        assert {"discriminators/adversarial", "generators/cycle"} <= row.losses.keys()
        assert all(isinstance(value, float) for value in row.losses.values())


def test_the_result_loads_the_trained_model(finished: TrainingResult, folders: Path) -> None:
    image = finished.load(device="cpu").translate(folders / "testA" / "0.png", to="b", seed=1)
    assert isinstance(image, Image.Image)


def test_progress_is_reported_whenever_losses_are_logged(folders: Path, tmp_path: Path) -> None:
    reports: list[TrainingProgress] = []
    result = crossimage.train(
        "cyclegan", data=folders, out=tmp_path, on_progress=reports.append, **steady()
    )
    assert [(progress.step, progress.steps) for progress in reports] == [(2, 6), (4, 6), (6, 6)]
    for progress, row in zip(reports, result.history, strict=True):
        assert progress.rate > 0 and progress.learning_rate == row.learning_rate
        assert progress.losses == pytest.approx(row.losses, rel=1e-4)
    assert reports[0].seconds_left > reports[-1].seconds_left == 0
    assert str(reports[0]).startswith("step 2/6 · ") and "d/adversarial" in str(reports[0])


def test_a_callback_that_returns_false_stops_the_run_which_is_saved(
    folders: Path, tmp_path: Path, finished: TrainingResult
) -> None:
    settings: dict[str, Any] = {
        "data": folders,
        "out": tmp_path,
        **steady(sample_every=2),
    }
    stopped = crossimage.train("cyclegan", on_progress=lambda progress: False, **settings)
    assert stopped.stopped_by == "on_progress" and stopped.step == 2
    result = crossimage.train("cyclegan", **settings)
    assert (result.first_step, result.step, result.stopped_by) == (2, 6, None)
    compare(finished.run, tmp_path)


def test_an_exception_of_the_callback_reaches_the_caller(folders: Path, tmp_path: Path) -> None:
    def fail(progress: TrainingProgress) -> None:
        raise LookupError(f"not happy at step {progress.step}")

    with pytest.raises(LookupError, match="not happy at step 2"):
        crossimage.train("cyclegan", data=folders, out=tmp_path, on_progress=fail, **steady())


def test_nothing_is_printed_and_random_numbers_stay_as_they_are(
    folders: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    crossimage.train("cyclegan", data=folders, out=tmp_path, **steady(steps=2))
    crossimage.train("cyclegan", data=folders, out=tmp_path, **steady(steps=4))
    assert torch.equal(torch.rand(3), expected)
    assert capfd.readouterr() == ("", "")


def test_training_works_in_another_thread(
    folders: Path, tmp_path: Path, finished: TrainingResult
) -> None:
    results: list[TrainingResult] = []
    settings = steady(sample_every=2)
    thread = threading.Thread(
        target=lambda: results.append(
            crossimage.train("cyclegan", data=folders, out=tmp_path, **settings)
        )
    )
    thread.start()
    thread.join()
    assert results[0].step == 6
    compare(finished.run, tmp_path)


def test_ctrl_c_saves_the_run_and_raises_keyboard_interrupt(folders: Path, tmp_path: Path) -> None:
    def interrupt(progress: TrainingProgress) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    settings = steady(save_every=100)
    with pytest.raises(KeyboardInterrupt):
        crossimage.train("cyclegan", data=folders, out=tmp_path, on_progress=interrupt, **settings)
    assert [path.stem for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]


def test_sigterm_stops_the_run_and_then_reaches_the_program(folders: Path, tmp_path: Path) -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        result = crossimage.train(
            "cyclegan",
            data=folders,
            out=tmp_path,
            on_progress=lambda _: os.kill(os.getpid(), signal.SIGTERM),
            **steady(),
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert result.stopped_by == "SIGTERM" and result.step == 2
    assert received == [signal.SIGTERM]


def test_mistakes_are_exceptions(folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(ValueError, match="unknown key 'stepz'; did you mean 'steps'"):
        crossimage.train("cyclegan", data=folders, out=out, stepz=3)
    with pytest.raises(ValueError, match="did you mean 'munit'"):
        crossimage.train("munot", data=folders, out=out)
    with pytest.raises(FileNotFoundError, match="nowhere.yaml"):
        crossimage.train(tmp_path / "nowhere.yaml", data=folders, out=out)
    with pytest.raises(ValueError, match="out is empty"):
        crossimage.train("cyclegan", data=folders, out="")
    assert not out.exists()


def test_several_processes_are_left_to_the_command_line(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="crossimage train --devices N"):
        crossimage.train("cyclegan", data=folders, out=tmp_path, devices=2)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="or torchrun"):
        crossimage.train("cyclegan", data=folders, out=tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_no_setting_has_the_name_of_a_parameter(method: str) -> None:
    parameters = inspect.signature(crossimage.train).parameters.values()
    names = {p.name for p in parameters if p.kind is not inspect.Parameter.POSITIONAL_ONLY}
    assert not names & {key.partition(".")[0] for key in keys(METHODS[method].Config)}


def test_settings_are_python_values(folders: Path, tmp_path: Path) -> None:
    settings = steady(crop=(16, 12), weights={"cycle": 2}, domains=("edges", "shoes"), steps=1)
    result = crossimage.train("cyclegan", data=str(folders), out=str(tmp_path), **settings)
    assert result.config.crop == (16, 12) and result.config.domains == ("edges", "shoes")
    assert isinstance(result.config, CycleGAN.Config) and result.config.weights.cycle == 2


def test_a_script_can_train_without_a_terminal_or_a_main_guard(
    folders: Path, tmp_path: Path
) -> None:
    code = (
        "import crossimage\n"
        f"result = crossimage.train('cyclegan', data={str(folders)!r}, out={str(tmp_path)!r}, "
        f"**{steady(steps=1)!r})\n"
        "assert result.step == 1"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
