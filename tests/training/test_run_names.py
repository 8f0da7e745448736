"""Runs whose folder is not named."""

from pathlib import Path

import pytest

import crossimage
from crossimage.checkpoints.run_folder import lock
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.training.run_names import candidates
from tests.conftest import as_arguments, small
from tests.faults.harness import finish, start


@pytest.fixture(autouse=True)
def _work_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("photos/shoes", "shoes"),
        ("cats=a/b,dogs=c", "cats-dogs"),
        ({"cats": ("a",), "dogs": ("b",)}, "cats-dogs"),
        ("my photos/Größe (neu)", "Größe_neu"),
        ("a.csv,b.csv", "a-b"),
        ("x" * 300, "x" * 40),
        ("=", "data"),
    ],
)
def test_a_run_is_called_after_its_data_and_method(data: str, name: str) -> None:
    assert next(candidates(data, "cyclegan", {})) == Path("runs") / f"{name}-cyclegan-001"


def test_the_folder_of_the_data_has_a_name_even_if_it_is_the_working_folder(tmp_path: Path) -> None:
    assert next(candidates(".", "cyclegan", {})).name == f"{tmp_path.name[:40]}-cyclegan-001"


def test_a_finished_run_gets_a_successor_and_an_unfinished_one_is_continued(folders: Path) -> None:
    settings = small("cyclegan", steps=4, save_every=2)

    def stop_at_2(progress: crossimage.TrainingProgress) -> bool:
        return progress.step < 2

    stopped = crossimage.train("cyclegan", folders, on_progress=stop_at_2, **settings)
    other = crossimage.train("cyclegan", folders, **settings | {"learning_rate": 0.002})
    continued = crossimage.train("cyclegan", folders, **settings)
    again = crossimage.train("cyclegan", folders, **settings)
    names = [run.run.name.rpartition("-")[2] for run in (stopped, other, continued, again)]
    assert names == ["001", "002", "001", "003"]
    assert stopped.run.parent == Path("runs")
    assert (stopped.step, continued.first_step, continued.step, again.first_step) == (2, 2, 4, 0)


def test_a_run_that_is_in_use_gets_a_neighbour(folders: Path) -> None:
    settings = small("cyclegan", steps=2)
    first = next(candidates(str(folders), "cyclegan", {}))
    with lock(first):
        other = crossimage.train("cyclegan", folders, **settings)
    assert other.run != first


def test_commands_that_start_together_make_runs_of_their_own(pairs: Path) -> None:
    settings = as_arguments(small("pix2pix", steps=2))
    finish(*[start(["train", "pix2pix", "--data", str(pairs), *settings]) for _ in range(2)])
    runs = sorted(Path("runs").iterdir())
    finished = [run for run in runs if Checkpoints(run, 1).newest_path()]
    assert finished and all((run / "model.safetensors").is_file() for run in finished)


def test_what_fails_at_once_leaves_no_folder_and_announces_none(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FileNotFoundError):
        crossimage.train("cyclegan", folders, **small("cyclegan", steps=2), init_from=folders)
    with pytest.raises(ValueError, match="^runs holds no run of this command"):
        crossimage.train("cyclegan", folders, **small("cyclegan", steps=2), finish="10m")
    assert not list(Path("runs").glob("*")) and "runs/" not in capsys.readouterr().out


def test_several_processes_need_a_name(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["train", "cyclegan", "--data", str(folders), "--devices", "2"]
    from crossimage.cli.app import main

    assert main([*command, *as_arguments(small("cyclegan", steps=2))]) == 2
    assert not Path("runs").exists()
