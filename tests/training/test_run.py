"""A run's folder: what it holds, when it is continued, and what is refused."""

import json
import shutil
import struct
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

import crossimage
from crossimage import train
from crossimage.checkpoints.run_folder import lock
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.cli.app import main
from crossimage.config import build
from crossimage.methods import METHODS
from crossimage.methods.cyclegan import CycleGAN
from tests.conftest import as_arguments, open_dataset, small, steady
from tests.faults.harness import compare, digest


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")


@pytest.fixture(scope="module")
def finished(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests that continue it take a copy."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert train("cyclegan", folders, out, **steady()).stopped_by is None
    return out


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def data(folders: Path, tmp_path: Path) -> Path:
    """A copy of the data that tests may damage."""
    return shutil.copytree(folders, tmp_path / "data")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_run_stays_as_it_is(run: Path, folders: Path) -> None:
    before = contents(run)
    result = train("cyclegan", folders, run, **steady())
    assert result.first_step == result.step == 6 and result.stopped_by is None
    assert result.targets == ("a", "b")
    before.pop(run / ".lock")
    assert {path: contents(run)[path] for path in before} == before


@pytest.mark.parametrize("asked", [{"finish": "5m"}, {"budget": "5m"}])
def test_a_time_for_a_run_that_has_ended_changes_nothing_and_the_run_says_so(
    asked: dict[str, str], run: Path, folders: Path
) -> None:
    result = train(str(run / "config.yaml"), folders, run, domains=("a", "b"), **asked)
    assert result.first_step == result.step == 6
    ((name, time),) = asked.items()
    assert result.warnings == (f"--{name} {time} changes nothing: {run} has ended already",)


def test_more_steps_continue_a_finished_run(run: Path, folders: Path, tmp_path: Path) -> None:
    longer = steady(steps=10)
    assert train("cyclegan", folders, run, **longer).stopped_by is None
    assert train("cyclegan", folders, tmp_path / "whole", **longer).stopped_by is None
    shorter, whole = ((d / "config.yaml").read_text() for d in (run, tmp_path / "whole"))
    assert shorter == whole and yaml.safe_load(whole)["steps"] == 10
    for name in ("model.safetensors", "metrics.csv"):
        assert (run / name).is_file()
    states = [Checkpoints(d, 1).load_newest(pytest.fail) for d in (run, tmp_path / "whole")]
    assert states[0] and states[1] and states[0][0] == 10
    for key in ("method", "optimizers"):
        assert digest(states[0][1][key]) == digest(states[1][1][key])


def test_a_run_that_states_no_rules_for_its_files_keeps_those_of_its_time(
    run: Path, folders: Path
) -> None:
    assert yaml.safe_load((run / "config.yaml").read_text())["data_rules"] == 3
    lines = (run / "config.yaml").read_text().splitlines(keepends=True)
    (run / "config.yaml").write_text(
        "".join(x for x in lines if "data_rules" not in x and "holdout" not in x)
    )
    checkpoints = Checkpoints(run, 1)
    saved = checkpoints.load_newest(pytest.fail)
    assert saved
    step, state = saved
    del state["config"]["data_rules"], state["config"]["holdout"]
    checkpoints.save(step, state)
    result = train("cyclegan", folders, run, **steady(steps=8))
    assert (result.first_step, result.step, result.config.data_rules) == (6, 8, 1)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["data_rules"], config["holdout"]) == (1, 0.0)
    with pytest.raises(ValueError, match="data_rules: 1 -> 2"):
        train("cyclegan", folders, run, **steady(steps=9, data_rules=2))


def test_another_config_is_refused_with_the_difference(run: Path, folders: Path) -> None:
    before = contents(run)
    other = steady(steps=8, learning_rate=0.01, weights={"cycle": 3.0}, log_every=1)
    with pytest.raises(ValueError, match="other settings") as caught:
        train("cyclegan", folders, run, **other)
    text = str(caught.value)
    assert "learning_rate: 0.001 -> 0.01" in text and "weights.cycle: 10.0 -> 3.0" in text
    assert "steps:" not in text and "log_every" not in text, "these may change"
    before.pop(run / ".lock")
    assert {path: contents(run)[path] for path in before} == before


def test_other_images_are_refused(run: Path, data: Path) -> None:
    (data / "trainB" / "0.png").unlink()
    with pytest.raises(ValueError, match=r"images of b: 5 images, \w+ -> 4 images"):
        train("cyclegan", data, run, **steady(steps=8))


def test_another_method_is_refused(
    run: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(CycleGAN):
        pass

    monkeypatch.setitem(METHODS, "other", Other)
    with pytest.raises(ValueError, match="holds a run of cyclegan, not of other"):
        train("other", folders, run, **steady())


def test_a_second_run_in_the_folder_is_refused(run: Path, folders: Path) -> None:
    with lock(run), pytest.raises(ValueError, match="is in use by process"):
        train("cyclegan", folders, run, **steady(steps=8))


def test_a_torn_newest_checkpoint_is_reported_and_the_one_before_it_used(
    run: Path, finished: Path, folders: Path
) -> None:
    newest = Checkpoints(run, 1).newest_path()
    assert newest
    newest.write_bytes(newest.read_bytes()[:-1000])
    result = train("cyclegan", folders, run, **steady())
    (warning,) = result.warnings
    assert f"{newest} is incomplete" in warning and "using the checkpoint before it" in warning
    assert result.first_step == 4
    compare(finished, run)


@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_dies_around_its_last_checkpoint_ends_with_its_last_weights(
    after: bool, finished: Path, folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    real = Checkpoints.save

    def die(self: Checkpoints, step: int, state: Any) -> Path:
        if after or step < 6:
            path = real(self, step, state)
        if step == 6:
            raise Killed
        return path

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", die)
        with pytest.raises(Killed):
            train("cyclegan", folders, tmp_path / "run", **steady())
    assert train("cyclegan", folders, tmp_path / "run", **steady()).stopped_by is None
    compare(finished, tmp_path / "run")


def test_what_a_run_leaves(finished: Path) -> None:
    assert {path.name for path in finished.iterdir()} == {
        ".lock", "checkpoints", "config.yaml", "environment.json", "index.html", "logs",
        "metrics.csv", "model.safetensors", "samples",
    }  # fmt: skip
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["versions"]["torch"] == version("torch")
    assert environment.keys() >= {"command", "device", "git", "precision", "processes", "started"}
    settings = yaml.safe_load((finished / "config.yaml").read_text())
    assert settings.pop("method") == "cyclegan"
    expected = build(CycleGAN.Config, steady(), {"domains": "a,b"})
    assert build(CycleGAN.Config, settings) == expected


def test_the_saved_config_is_a_recipe(finished: Path, folders: Path, tmp_path: Path) -> None:
    assert train(str(finished / "config.yaml"), folders, tmp_path / "run").stopped_by is None
    compare(finished, tmp_path / "run")


def empty(data: Path) -> None:
    shutil.rmtree(data / "trainA")
    (data / "trainA").mkdir()


def gone(data: Path) -> None:
    shutil.rmtree(data)


def no_images(data: Path) -> None:
    empty(data)
    (data / "trainA" / "notes.txt").write_text("not an image")


def all_broken(data: Path) -> None:
    for path in (data / "trainA").iterdir():
        path.write_bytes(path.read_bytes()[:60])


def bomb(data: Path) -> None:
    empty(data)
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(bytes(1000)), b"IEND"]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )
    (data / "trainA" / "bomb.png").write_bytes(png)


def two_channels(data: Path) -> None:
    for path in (data / "trainA").iterdir():
        Image.open(path).convert("LA").save(path)


@pytest.mark.parametrize(
    ("damage", "settings", "sentence"),
    [
        (gone, {}, "there is no"),
        (empty, {}, "it is empty"),
        (no_images, {}, "1 x .txt"),
        (all_broken, {}, "none of the images of domain a can be read"),
        (bomb, {}, "bomb.png has 3,600,000,000 pixels, more than the 268,435,456"),
        (two_channels, {"channels": "5,3"}, "channels"),
        (lambda data: None, {"channels": "3,3,3"}, "channels"),
        (lambda data: None, {"precision": "fp16"}, "needs a CUDA device"),
    ],
)
def test_unusable_data_is_one_sentence_and_leaves_nothing(
    damage: Callable[[Path], None],
    settings: dict[str, Any],
    sentence: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    damage(data)
    out = tmp_path / "run"
    arguments = as_arguments(steady(**settings))
    assert main(["train", "cyclegan", "--data", str(data), "--out", str(out), *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("crossimage: ") and said.count("\n") == 1 and sentence in said
    assert not out.exists()


def test_an_unreadable_image_is_skipped_and_named(data: Path, tmp_path: Path) -> None:
    for number in range(7, 23):
        shutil.copy(data / "trainA" / "0.png", data / "trainA" / f"{number}.png")
    broken = data / "trainA" / "photo [1].png"
    broken.write_bytes((data / "trainA" / "0.png").read_bytes()[:80])
    (warning,) = train("cyclegan", data, tmp_path / "run", **steady()).warnings
    assert "1 unreadable image was skipped" in warning and str(broken) in warning


def test_too_many_unreadable_images_end_the_run(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("5.png", "6.png"):
        (data / "trainA" / name).write_bytes(b"not an image")
    out = tmp_path / "run"
    arguments = [
        "train",
        "cyclegan",
        "--data",
        str(data),
        "--out",
        str(out),
        *as_arguments(steady()),
    ]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "of 7 images of domain a can't be read" in said
    assert not (out / "model.safetensors").exists() and not list(out.rglob("*.tmp"))


def test_a_classifier_takes_its_classes_from_the_folders_and_measures_its_accuracy(
    classes: Path, tmp_path: Path
) -> None:
    result = train("unit_da", classes, tmp_path, **small("unit_da", classes="will,be,replaced"))
    model = crossimage.load(tmp_path, device="cpu")
    assert model.config.classes == ("x", "y", "z")  # type: ignore[attr-defined]
    accuracies = json.loads((tmp_path / "accuracy.json").read_text())
    assert accuracies == result.accuracies and accuracies.keys() == {"a", "b"}
    images = open_dataset(classes, model.config, "unpaired", ("a",))
    for domain, share in accuracies.items():
        right = [
            int(model.classify(x, domain).argmax()) == int(y) for x, y in images.tests(domain, 1)
        ]
        assert len(right) == 2 and share == sum(right) / 2
    assert "accuracy on the test images of b" in (tmp_path / "index.html").read_text()


def test_an_accuracy_that_was_not_written_is_measured_later(classes: Path, tmp_path: Path) -> None:
    settings = small("unit_da", steps=2)
    train("unit_da", classes, tmp_path, **settings)
    before = (tmp_path / "accuracy.json").read_text()
    (tmp_path / "accuracy.json").unlink()
    train("unit_da", classes, tmp_path, **settings)
    assert (tmp_path / "accuracy.json").read_text() == before
