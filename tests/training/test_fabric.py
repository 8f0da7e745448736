"""Processes and arithmetic of a run."""

import pytest

from crossimage.training import fabric
from crossimage.training.fabric import arithmetic, open_fabric, world_of


def test_torchrun_sets_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert world_of(2) == 2
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert world_of(2) == 8


@pytest.mark.parametrize(("has_bf16", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_what_the_hardware_is_fast_at(
    has_bf16: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fabric, "_has_bf16", lambda: has_bf16)
    assert arithmetic("auto") == chosen
    assert [arithmetic(name) for name in ("fp32", "bf16", "fp16")] == ["fp32", "bf16", "fp16"]


@pytest.mark.parametrize(("precision", "name"), [("fp32", "32-true"), ("bf16", "bf16-mixed")])
def test_a_single_process_is_launched_with_its_precision(precision: str, name: str) -> None:
    launched = open_fabric(precision, devices=1)
    assert launched.world_size == 1 and launched.is_global_zero
    assert launched.strategy.precision.precision == name
