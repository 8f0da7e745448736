"""The advice of the messages of a run's life, carried out to the letter."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from crossimage import train
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.cli.app import main
from crossimage.methods import METHODS
from crossimage.methods.cyclegan import CycleGAN
from crossimage.training.recorder import Recorder
from crossimage.training.step.stepper import Stepper
from crossimage.training.trainer import Trainer
from tests.conftest import as_arguments, small


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two domains of 20 images."""
    for number in range(20):
        for domain in "AB":
            path = tmp_path / "data" / f"train{domain}" / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((24, 20), 80 + number).convert("RGB").save(path)
    return tmp_path / "data"


def arguments(data: Path, out: Path, **changes: Any) -> list[str]:
    usual = {"steps": 30, "decay_epochs": 0, "save_every": 100, "batch_size": 1}
    settings = small("cyclegan", **usual | changes)
    return ["train", "cyclegan", "--data", str(data), "--out", str(out), *as_arguments(settings)]


def fail(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """Run a command that is to fail, and return what it says."""
    assert main(words) == 2
    return capsys.readouterr().err


def advised(text: str, part: str) -> list[str]:
    """The command of a message that contains a certain option."""
    (command,) = {c for c in re.findall(r"`(crossimage [^`]*)`", text) if part in c}
    return shlex.split(command)[1:]


def step_of(out: Path) -> int:
    newest = Checkpoints(out, 1).load_newest(pytest.fail)
    assert newest
    return newest[0]


def tear(path: Path) -> bytes:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return whole


@pytest.mark.parametrize(
    ("mend", "length"), [("remove", {"epochs": 2, "decay_epochs": 1}), ("repair", {})]
)
def test_files_that_cannot_be_read_may_be_removed_or_repaired(
    mend: str,
    length: dict[str, int],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torn = {data / "trainA" / name: b"" for name in ("03.png", "11.png")}
    torn = {path: tear(path) for path in torn}
    out = tmp_path / "run"
    words = arguments(data, out, holdout=0, **length)
    if length:
        words = [word for word in words if not word.startswith("steps=")]
    said = fail(capsys, words)
    assert "more than 5 %" in said and all(str(path) in said for path in torn)
    stopped = step_of(out)
    assert stopped > 0 and f"step-{stopped:08}" in said, "what was made is saved"
    assert "more than 5 %" in fail(capsys, words), "nothing is mended"
    for path, whole in torn.items():
        path.unlink()
        if mend == "repair":
            path.write_bytes(whole)
    if mend == "remove":
        refused = fail(capsys, words)
        assert "20 images" in refused and "18 images" in refused
        assert advised(refused, "--accept-data-change")
    capsys.readouterr()
    assert main(advised(said, "--accept-data-change")) == 0
    assert f"continuing {out} from step {stopped}" in capsys.readouterr().out
    assert step_of(out) == (40 if length else 30)
    page, facts = (out / "index.html").read_text(), (out / "environment.json").read_text()
    for text in (page, facts) if mend == "remove" else ():
        assert f"from step {stopped}, images of a: 20 images" in text
    assert main(words) == 0, "the same command knows that the run is finished"


def test_a_change_of_the_data_is_kept_by_a_run_that_is_continued_again(
    data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    train("cyclegan", data, out, **small("cyclegan", steps=2, decay_epochs=0, holdout=0))
    for number, steps in ((5, 4), (6, 6)):
        (data / "trainA" / f"{number:02}.png").unlink()
        more = small("cyclegan", steps=steps, decay_epochs=0, holdout=0)
        with pytest.raises(ValueError, match="--accept-data-change"):
            train("cyclegan", data, out, **more)
        train("cyclegan", data, out, **more, accept_data_change=True)
    train("cyclegan", data, out, **small("cyclegan", steps=8, decay_epochs=0, holdout=0))
    _, state = Checkpoints(out, 1).load_newest(pytest.fail) or (0, {})
    assert [change.partition(":")[0] for change in state["data_changes"]] == [
        "from step 2, images of a", "from step 4, images of a",
    ]  # fmt: skip


def test_a_flag_for_changed_data_does_not_accept_other_settings(data: Path, tmp_path: Path) -> None:
    train("cyclegan", data, tmp_path / "run", **small("cyclegan", steps=1))
    (data / "trainA" / "05.png").unlink()
    other = small("cyclegan", steps=2, learning_rate=0.5)
    with pytest.raises(ValueError, match="learning_rate: 0.001 -> 0.5"):
        train("cyclegan", data, tmp_path / "run", **other, accept_data_change=True)


def test_one_file_that_no_setting_fits_may_be_removed_or_avoided(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = data / "trainA" / "07.png"
    Image.new("L", (30_000, 2)).save(odd)
    out = tmp_path / "run"
    said = fail(capsys, arguments(data, out, resize=2048, crop=16))
    assert step_of(out) and str(odd) in said
    odd.unlink()
    assert main(advised(said, "--accept-data-change")) == 0


@pytest.mark.parametrize("fits", [True, False])
def test_other_settings_start_a_new_run(
    fits: bool, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(arguments(data, out, steps=2)) == 0
    changes: dict[str, Any] = {"learning_rate": 0.002} if fits else {"width": 6}
    said = fail(capsys, arguments(data, out, steps=2, **changes))
    if fits:
        command = advised(said, "--init")
        assert main(command) == 0 and step_of(tmp_path / "run-2") == 2
        assert "discriminators (of its checkpoint at step 2)" in capsys.readouterr().out
    else:
        assert "choose another folder" in said and "--init" not in said
        assert main(arguments(data, tmp_path / "other", steps=2, **changes)) == 0


def test_another_method_takes_another_folder(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    train("gan", data / "trainA", out, **small("gan", steps=1))
    assert "choose another folder" in fail(capsys, arguments(data, out, steps=1))
    assert main(arguments(data, tmp_path / "other", steps=1)) == 0


def failing_at(step: int, error: Exception, *, after_moves: int = 0) -> Callable[..., Any]:
    """A training step that fails at a step, before or after moves."""
    real = CycleGAN.training_step

    def training_step(self: CycleGAN, batch: Any) -> Any:
        for number, update in enumerate(real(self, batch)):
            if batch.step == step and number == after_moves:
                raise error
            yield update

    return training_step


@pytest.mark.parametrize("after_moves", [0, 1])
def test_a_run_out_of_memory_is_saved_and_goes_on_with_less(
    after_moves: int,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    error = torch.OutOfMemoryError("too much")
    with monkeypatch.context() as patched:
        step = failing_at(3, error, after_moves=after_moves)
        patched.setattr(METHODS["cyclegan"], "training_step", step)
        said = fail(capsys, arguments(data, out, steps=5, batch_size=2))
    # a step of which a part was made cannot be made again
    assert step_of(out) == 3 + after_moves
    assert main([*advised(said, "--init"), "batch_size=1", "steps=1"]) == 0
    assert main(arguments(data, out, steps=5, batch_size=2)) == 0 and step_of(out) == 5


def test_a_process_that_dies_while_it_loads_images_is_followed_by_fewer_workers(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    real = Trainer.take

    def die(self: Trainer, batches: Any) -> Any:
        if self.step == 2:
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
        return real(self, batches)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "take", die)
        said = fail(capsys, arguments(data, out, steps=4))
    assert "workers=0" in said and step_of(out) == 2
    assert main([*arguments(data, out, steps=4), "workers=0"]) == 0 and step_of(out) == 4


def test_a_run_that_diverged_goes_on_from_its_last_good_weights(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    real = Stepper.train_step

    def poison(self: Stepper, batches: Any) -> Any:
        if self.step == 3:
            next(self.method.parameters()).data.fill_(float("nan"))
        return real(self, batches)

    with monkeypatch.context() as patched:
        patched.setattr(Stepper, "train_step", poison)
        said = fail(capsys, arguments(data, out, steps=4, save_every=2))
    assert "training diverged" in said and step_of(out) == 2
    assert main([*advised(said, "--init"), "learning_rate=0.0001", "steps=1"]) == 0


def test_a_full_disk_is_mended_and_the_same_command_continues(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    real = Recorder.model

    def full(self: Recorder, method: Any) -> None:
        if Checkpoints(self.run, 1).newest_path():
            raise OSError(28, "No space left on device", str(self.run / "model.safetensors"))
        real(self, method)

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "model", full)
        said = fail(capsys, arguments(data, out, steps=6, save_every=2))
    assert "the same command continues the run" in said and step_of(out) == 2
    assert main(arguments(data, out, steps=6, save_every=2)) == 0 and step_of(out) == 6


def test_precision_may_be_set_to_what_auto_means(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    assert main(arguments(data, out, steps=1, precision="auto")) == 0
    with monkeypatch.context() as patched:
        patched.setattr(
            "crossimage.training.checks.arithmetic",
            lambda given, device: {"auto": "odd"}.get(given, given),
        )
        said = fail(capsys, arguments(data, out, steps=2, precision="auto"))
    (setting,) = re.findall(r"set (precision=\w+)", said)
    assert main([*arguments(data, out, steps=2, precision="auto"), setting]) == 0


def test_a_folder_of_damaged_checkpoints_is_removed_or_restored(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(arguments(data, out, steps=2)) == 0
    for path in (out / "checkpoints").iterdir():
        tear(path)
    said = fail(capsys, arguments(data, out, steps=4))
    assert f"remove {out / 'checkpoints'} to start from the beginning" in said
    shutil.rmtree(out / "checkpoints")
    capsys.readouterr()
    assert main(arguments(data, out, steps=4)) == 0 and step_of(out) == 4
    assert f"will replace {out / 'model.safetensors'}" in "".join(capsys.readouterr())
