"""What the command line prints about a training run."""

import html
import io
import shlex
import shutil
from pathlib import Path

import pytest
import rich.console

from crossimage.cli.app import main
from crossimage.cli.console import ConsoleListener, progress_bar
from crossimage.runs.listing import list_runs
from crossimage.training.listener import TrainingProgress
from tests.conftest import as_arguments, small


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")


def train(data: Path, out: Path, method: str = "munit", **changes: object) -> int:
    arguments = as_arguments(small(method, **changes))
    return main(["train", method, "--data", str(data), "--out", str(out), *arguments])


def test_the_end_names_the_model_the_samples_and_the_next_command(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a [bold] run"
    assert train(folders, out, steps=2, domains="edges,shoes") == 0
    said = capsys.readouterr().out
    start = "assumed from the order: edges is trainA and shoes is trainB\n"
    start += "training images: 7 of edges (trainA), 5 of shoes (trainB)\n"
    start += "test images: 2 of edges (testA), 2 of shoes (testB)\n"
    start += f"training munit on 7 images of edges and 5 images of shoes for 2 steps in {out}\n"
    assert said.partition("\n")[0].startswith("using 1 thread")
    assert said.partition("\n")[2].startswith(start)
    for part in ("model.safetensors", "samples", "index.html"):
        assert str(out / part) in said
    assert f"crossimage translate '{out}' IMAGES --to shoes --out DIR" in said
    longer = said.splitlines()[-1].strip()
    assert said.splitlines()[-2] == "train longer:"

    assert train(folders, out, steps=2, domains="edges,shoes") == 0
    assert capsys.readouterr().out == (
        f"{out} has finished its 2 steps; to train longer:\n  {longer}\n"
    )
    page = html.unescape((out / "index.html").read_text())
    assert f"<code>{longer}</code>" in page and "<dd>finished</dd>" in page
    program, *arguments = shlex.split(longer)
    assert program == "crossimage" and main(arguments) == 0
    assert "continuing" in capsys.readouterr().out and list_runs(out)[0].step == 4


def test_a_model_that_makes_images_from_noise_is_to_be_sampled(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folders / "trainA", tmp_path / "data" / "train")
    assert train(tmp_path / "data", tmp_path / "run", "gan", steps=1) == 0
    run = shlex.quote(str(tmp_path / "run"))
    assert f"crossimage sample {run} --out DIR" in capsys.readouterr().out


def test_a_run_whose_learning_rate_has_fallen_to_zero_is_a_start_for_another(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(folders, tmp_path, steps=1, decay_steps=1) == 0
    program, *arguments = shlex.split(capsys.readouterr().out.splitlines()[-1])
    new = tmp_path.with_name(f"{tmp_path.name}-2")
    assert program == "crossimage" and main(arguments) == 0
    assert f"initialised from {tmp_path}" in capsys.readouterr().out and list_runs(new)[0].step == 1


def test_without_a_terminal_a_line_is_printed_now_and_then(
    folders: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crossimage.training.schedule.timetable.LINES", ())  # those by the clock
    assert train(folders, tmp_path, page_every=4) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    (line,) = lines
    assert line.startswith("step 4/6 · ") and "it/s" in line and "d/adversarial" in line


def test_a_damaged_checkpoint_and_the_step_to_go_on_from_are_told(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(folders, tmp_path, steps=4) == 0
    newest = tmp_path / "checkpoints" / "step-00000004.pt"
    newest.write_bytes(newest.read_bytes()[:-1000])
    capsys.readouterr()
    assert train(folders, tmp_path, steps=4) == 0
    said = capsys.readouterr().out
    assert f"{newest} is incomplete" in said and f"continuing {tmp_path} from step 2\n" in said


@pytest.mark.parametrize("columns", [40, 80])
def test_commands_to_copy_are_not_broken_on_narrow_terminals(
    columns: int,
    folders: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = tmp_path / "a folder with quite a long name for a run of a few steps"
    assert train(folders, out, steps=1) == 0
    said = capsys.readouterr().out
    assert f"  crossimage translate '{out}' IMAGES --to b --out DIR\n" in said
    assert f"model    {out / 'model.safetensors'}\n" in said


@pytest.mark.parametrize("width", [40, 60, 80, 115])
def test_of_the_bar_only_the_losses_are_cut_and_the_speed_where_it_is_narrow(width: int) -> None:
    file = io.StringIO()
    console = rich.console.Console(file=file, width=width, force_terminal=True, color_system=None)
    bar = progress_bar(console)
    losses = " ".join(f"g/term{number} {number}.5" for number in range(30))
    task = bar.add_task("training", total=1_000_000, rate="14.3 s/it", losses=losses)
    bar.update(task, completed=250_000)
    rich.console.Console(file=file, width=width, color_system=None).print(bar.get_renderable())
    (line,) = file.getvalue().splitlines()
    assert len(line) <= width and line.startswith("━")
    assert "250000/1000000 -:--:-- left" in line and "g/term29" not in line
    assert ("14.3 s/it" in line) == line.rstrip().endswith("…") == (width >= 60)


def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rich.console.Console, "is_terminal", True)
    listener = ConsoleListener()
    with listener.watch(step=2, steps=4):
        listener.advance()
        assert listener.log(
            TrainingProgress(3, 4, 1.0, 0.05, 1e-4, {"generators/cycle": 1.5}), True
        )
    said = capsys.readouterr().out
    assert "3/4" in said and "20.0 s/it" in said and "g/cycle 1.5" in said
    assert "step 3/4" not in said


def test_the_device_of_a_run_is_chosen_as_for_other_commands(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "munit", "--data", str(folders), "--out", str(tmp_path / "run")]
    arguments = [*command, *as_arguments(small("munit", steps=2)), "--device"]
    assert main([*arguments, "nonsense"]) == 2
    assert "there is no device 'nonsense'" in capsys.readouterr().err
    assert main([*arguments, "cpu"]) == 0
    assert main(["train", "--resume", str(tmp_path / "run"), "--device", "cpu"]) == 0
    assert "has finished its 2 steps" in capsys.readouterr().out
