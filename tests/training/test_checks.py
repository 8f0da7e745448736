"""Runs that cannot work are refused before anything is written."""

import pytest

from crossimage.config import build
from crossimage.methods.bicyclegan import BicycleGAN
from crossimage.methods.munit import MUNIT
from crossimage.training.checks import check_config
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
