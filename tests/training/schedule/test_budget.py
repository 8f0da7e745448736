"""Runs whose length is a time: ``budget`` and ``finish``, by a clock that tests turn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossimage import TrainingResult, train
from crossimage.methods import METHODS
from crossimage.training.schedule import timetable
from crossimage.training.step.stepper import Stepper
from tests.conftest import slow_except, small
from tests.faults.harness import compare, finish, start_two, train_command, trained
from tests.training.schedule.test_timetable import Clock

pytestmark = pytest.mark.usefixtures("without_sheets")

Pace = Callable[[float], None]


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> Pace:
    """Sets how long a step takes by the clock."""
    clock, real, seconds = Clock(), Stepper.train_step, [10.0]

    def slow(self: Stepper, *arguments: Any) -> Any:
        clock.now += seconds[0]
        return real(self, *arguments)

    monkeypatch.setattr(Stepper, "train_step", slow)
    monkeypatch.setattr(timetable, "clock", clock)

    def set_pace(new: float) -> None:
        seconds[0] = new

    return set_pace


def lengths_of(run: Path) -> dict[str, Any]:
    saved = yaml.safe_load((run / "config.yaml").read_text())
    keys = ("steps", "decay_steps", "decay_every", *METHODS[saved["method"]].Config.stages)
    return {key: saved[key] for key in keys}


def stop(progress: object) -> bool:
    return False


@pytest.fixture
def data(
    name: str, folders: Path, pairs: Path, classes: Path, labelled: Path, class_pairs: Path
) -> Path:
    """Images that a method can be trained on."""
    if METHODS[name].labelled:
        return classes
    of_layout = {
        "paired": pairs, "labelled": labelled, "classes": labelled, "class_pairs": class_pairs
    }  # fmt: skip
    return of_layout.get(METHODS[name].layout, folders)


@pytest.mark.parametrize("name", slow_except("cyclegan", "dtn", "srgan"))
def test_every_method_ends_in_time_with_its_schedule_complete(
    name: str, data: Path, tmp_path: Path, pace: Pace
) -> None:
    stages = METHODS[name].Config.stages
    settings = small(name, log_every=1, steps=40)
    if not stages:
        del settings["steps"]
        settings |= {"decay_steps": 0, "decay_every": 0, "epochs": 40, "decay_epochs": 20}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"method": name, **settings}))
    result = train(recipe, data, tmp_path / "run", budget="200s")
    chosen = lengths_of(tmp_path / "run")
    assert result.step == chosen["steps"] == result.config.steps and 6 <= result.step <= 18
    assert result.stopped_by is None and result.fitted
    assert all(chosen[key] > 0 for key in stages)
    if chosen["decay_steps"]:
        rates = [row.learning_rate for row in result.history]
        last = result.config.learning_rate / chosen["decay_steps"]
        last *= getattr(result.config, "lowest_rate", 1.0)  # SketchyGAN's own decay
        assert rates[-1] == pytest.approx(last, rel=0.01)
    else:
        assert stages


@pytest.mark.parametrize("name", ["munit", "cyclegan", "dtn"])
def test_a_run_of_a_budget_is_the_run_of_the_settings_that_it_records(
    name: str, data: Path, tmp_path: Path, pace: Pace
) -> None:
    settings = small(name, decay_steps=3, ema_decay=0.9) | {"steps": 10}
    given = {key: value for key, value in settings.items() if key != "steps"}
    train(name, data, tmp_path / "budget", **given, budget="2m")
    chosen = lengths_of(tmp_path / "budget")
    train(name, data, tmp_path / "settings", **(settings | chosen))
    one, other = trained(tmp_path / "budget"), trained(tmp_path / "settings")
    assert one.pop("plan") and one == other


def test_the_same_call_continues_a_run_of_a_budget_whatever_the_speed_now(
    folders: Path, tmp_path: Path, pace: Pace
) -> None:
    settings = {
        k: v for k, v in small("cyclegan", decay_steps=100, save_every=3).items() if k != "steps"
    }

    def call(out: str, **more: Any) -> TrainingResult:
        return train("cyclegan", folders, tmp_path / out, **settings, **more)

    call("whole", budget="100s")
    call("cut", budget="100s", on_progress=stop)
    chosen = lengths_of(tmp_path / "cut")
    assert chosen == lengths_of(tmp_path / "whole")
    pace(500.0)
    with pytest.raises(ValueError, match="that was begun with --budget 100s, so --budget 10m can"):
        call("cut", budget="10m")
    again = call("cut", budget="100s")
    assert again.first_step == 2 and again.step == chosen["steps"]
    compare(tmp_path / "whole", tmp_path / "cut")
    assert call("cut", budget="100s").first_step == chosen["steps"]
    assert call("cut").first_step == chosen["steps"], "the recipe alone continues it too"


def test_a_budget_that_is_too_short_is_refused_with_one_that_is_not(
    folders: Path, tmp_path: Path, pace: Pace
) -> None:
    settings = {key: value for key, value in small("cyclegan").items() if key != "steps"}
    with pytest.raises(ValueError, match="a step takes 10 s on this CPU") as caught:
        train("cyclegan", folders, tmp_path, **settings, budget="15s")
    advised = str(caught.value).rpartition("--budget ")[2]
    assert train("cyclegan", folders, tmp_path, **settings, budget=advised).step >= 1


def test_a_run_is_finished_in_time_and_a_killed_one_ends_the_same(
    folders: Path, tmp_path: Path, pace: Pace
) -> None:
    settings = small("cyclegan", steps=500, save_every=3, log_every=1, ema_decay=0.9)

    def call(out: str, **more: Any) -> TrainingResult:
        return train("cyclegan", folders, tmp_path / out, **settings, **more)

    for out in ("whole", "cut"):
        assert call(out, on_progress=stop).step == 1
    whole = call("whole", finish="100s")
    chosen = lengths_of(tmp_path / "whole")
    assert whole.step == chosen["steps"] == whole.first_step + chosen["decay_steps"] < 20
    rates = [row.learning_rate for row in whole.history]
    assert rates[-1] == pytest.approx(rates[0] / chosen["decay_steps"])
    assert call("cut", finish="100s", on_progress=stop).step == 2
    pace(3.0)
    assert call("cut", finish="100s").step == chosen["steps"]
    compare(tmp_path / "whole", tmp_path / "cut")
    assert call("cut").first_step == chosen["steps"], "the recipe alone continues it too"


def test_a_plan_is_kept_before_the_first_step_that_follows_it(
    folders: Path, tmp_path: Path, pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small("cyclegan", steps=500)
    train("cyclegan", folders, tmp_path, **settings, on_progress=stop)
    with monkeypatch.context() as patched:
        patched.setattr("crossimage.training.trainer.Trainer.fit", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train("cyclegan", folders, tmp_path, **settings, finish="100s")
    chosen = lengths_of(tmp_path)
    pace(1.0)
    assert train("cyclegan", folders, tmp_path, **settings, finish="100s").step == chosen["steps"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"budget": "0"}, "--budget '0' is not a duration"),
        ({"budget": ""}, "--budget '' is not a duration"),
        ({"finish": "5x"}, "--finish '5x' is not a duration"),
        ({"budget": "5m", "steps": 7}, "leave out --budget or steps"),
        ({"budget": "5m", "epochs": 7}, "leave out --budget or epochs"),
        ({"budget": "5m", "finish": "5m"}, "leave out one"),
        ({"finish": "5m"}, "no run of this command that --finish 5m could end; use --budget 5m"),
    ],
)
def test_times_that_cannot_be_used_are_refused_before_anything_is_written(
    more: dict[str, Any], said: str, folders: Path, tmp_path: Path
) -> None:
    settings = {key: value for key, value in small("cyclegan").items() if key != "steps"}
    with pytest.raises(ValueError, match=said):
        train("cyclegan", folders, tmp_path / "run", **settings, **more)
    assert not (tmp_path / "run").exists()


def test_two_processes_agree_on_the_number_of_steps(pairs: Path, tmp_path: Path) -> None:
    settings = {
        key: value for key, value in small("pix2pix", decay_steps=3).items() if key != "steps"
    }
    run, said = tmp_path / "two", tmp_path / "said.txt"
    command = [*train_command(pairs, run, settings, "pix2pix"), "--budget", "100s"]
    finish(*start_two(command, said, steps_of_ten_seconds))
    chosen = lengths_of(run)
    assert 4 <= chosen["steps"] <= 9 and said.read_text().count("timing some steps") == 1
    assert (run / "checkpoints" / f"step-{chosen['steps']:08d}.pt").is_file()


def steps_of_ten_seconds() -> None:
    """Let every step take ten seconds by the clock."""
    clock, real = Clock(), Stepper.train_step

    def slow(self: Stepper, *arguments: Any) -> Any:
        clock.now += 10
        return real(self, *arguments)

    Stepper.train_step = slow  # type: ignore[method-assign]
    timetable.clock = clock  # type: ignore[assignment]
