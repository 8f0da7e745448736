"""Runs that cannot work are refused before anything is written."""

from pathlib import Path
from typing import Any

import pytest

from crossimage.config import build, to_dict
from crossimage.data.sources.folders import Domain
from crossimage.methods.bicyclegan import BicycleGAN
from crossimage.methods.cyclegan import CycleGAN
from crossimage.methods.munit import MUNIT
from crossimage.training.checks import check_apart_from_data, check_config, check_continues
from crossimage.training.listener import Listener
from crossimage.training.processes.fabric import arithmetic
from tests.conftest import small

CONFIG = build(MUNIT.Config, small())


@pytest.mark.parametrize("devices", [0, -1])
def test_a_run_needs_a_process(devices: int) -> None:
    with pytest.raises(ValueError, match=f"devices must be at least 1, found {devices}"):
        check_config(MUNIT, CONFIG, devices)


def test_a_batch_that_cannot_be_divided_among_the_processes_is_refused() -> None:
    check_config(MUNIT, CONFIG, devices=2)
    with pytest.raises(ValueError, match=r"batch_size \(4\) must be a multiple of .* processes"):
        check_config(MUNIT, CONFIG, devices=3)


def test_processes_that_see_half_a_pair_of_images_are_refused() -> None:
    config = build(BicycleGAN.Config, small("bicyclegan", batch_size=2))
    check_config(BicycleGAN, config, devices=1)
    with pytest.raises(ValueError, match="multiple of 2 images at a time, and a process sees 1"):
        check_config(BicycleGAN, config, devices=2)


@pytest.mark.parametrize(
    ("begun", "wanted", "said", "unsaid"),
    [
        ({}, {"learning_rate": 0.5}, "only its number of steps, its workers, its threads", "fixed"),
        ({}, {"evaluate_every": 2}, "evaluations can't be turned on or off", "fixed"),
        ({}, {"width": 5}, "do not fit the new settings: to start afresh", "--init"),
        ({"decay_steps": 4}, {"learning_rate": 0.5}, "only its workers, its threads", "fixed"),
        ({"decay_steps": 4}, {"steps": 12}, "fixed, since its learning rate decays until step 8",
         "number of steps"),
        ({"decay_steps": 4}, {"steps": 12}, "as `crossimage train --resume 'my run'` does;",
         "--finish"),
        ({"decay_steps": 4}, {"steps": 6}, "does (with `--finish 20m` it ends in that time);", "?"),
        ({"decay_steps": 4, "step": 8}, {"steps": 12}, "; it has finished its 8 steps; to start",
         "--resume"),
    ],
)  # fmt: skip
def test_the_refusal_to_change_a_run_says_what_may_change_and_how_it_goes_on(
    begun: dict[str, Any], wanted: dict[str, Any], said: str, unsaid: str
) -> None:
    settings = small("cyclegan", **{"steps": 8, "decay_epochs": 0} | begun)
    step = settings.pop("step", 5)
    before, now = (build(CycleGAN.Config, {**settings, **change}) for change in ({}, wanted))
    state = {
        "config": {**to_dict(before), "method": "cyclegan"}, "step": step,
        "arithmetic": arithmetic("fp32", "cpu"),
    }  # fmt: skip
    with pytest.raises(ValueError, match="^my run holds a run with other settings") as caught:
        check_continues(Path("my run"), state, CycleGAN, "cyclegan", now, [], Listener(), "cpu")
    assert said in str(caught.value) and unsaid not in str(caught.value)


def test_fp16_without_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="fp16 needs a CUDA device"):
        check_config(MUNIT, build(MUNIT.Config, small(precision="fp16")), 1)


def test_augmentation_needs_discriminators() -> None:
    class Alone(MUNIT):
        player_order = ("generators",)

    check_config(MUNIT, build(MUNIT.Config, small(augment="color")), 1)
    with pytest.raises(ValueError, match="what discriminators see, and Alone has none"):
        check_config(Alone, build(MUNIT.Config, small(augment="color")), 1)


@pytest.mark.parametrize(
    "folders", [("cats", "dogs"), ("trainA", "trainB"), ("train/x", "train/y")]
)
def test_a_run_is_not_begun_among_its_images(folders: tuple[str, str], tmp_path: Path) -> None:
    paths = [tmp_path / folder / "1.png" for folder in folders]
    domains = [Domain(path.parent.name, (path,)) for path in paths]
    data = str(tmp_path)
    for refused in {*(path.parent for path in paths), paths[0].parents[1]} - {tmp_path}:
        with pytest.raises(ValueError, match="holds training images of .*choose another --out"):
            check_apart_from_data(refused, data, domains)
        check_apart_from_data(refused, {"a": (str(refused),)}, domains)
    for out in (tmp_path, tmp_path.parent, tmp_path / "run", paths[0].parent / "run"):
        check_apart_from_data(out, data, domains)
