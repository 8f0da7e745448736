"""Processes and arithmetic of a run."""

import platform
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning_fabric.accelerators.mps import MPSAccelerator

from crossimage.training.environment import environment
from crossimage.training.processes import fabric
from crossimage.training.processes.fabric import arithmetic, open_fabric, world_of


def test_torchrun_sets_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert world_of(2) == 2
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert world_of(2) == 8


@pytest.mark.parametrize(("has_bf16", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_what_the_hardware_is_fast_at(
    has_bf16: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fabric, "has_bf16", lambda device: has_bf16)
    assert arithmetic("auto") == chosen
    assert [arithmetic(name) for name in ("fp32", "bf16", "fp16")] == ["fp32", "bf16", "fp16"]


@pytest.mark.parametrize(("precision", "name"), [("fp32", "32-true"), ("bf16", "bf16-mixed")])
def test_a_single_process_is_launched_with_its_precision(precision: str, name: str) -> None:
    launched = open_fabric(precision, devices=1)
    assert launched.world_size == 1 and launched.is_global_zero
    assert launched.strategy.precision.precision == name


def test_a_batch_script_of_a_scheduler_is_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, value in {"JOB_ID": "7", "JOB_NAME": "cats", "NTASKS": "8", "PROCID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert open_fabric("fp32", devices=1).world_size == 1  # without a warning, too


@pytest.fixture
def _apple(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pretend that this machine has Apple's GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    monkeypatch.delenv("DISABLE_MPS", raising=False)
    MPSAccelerator.is_available.cache_clear()
    yield
    MPSAccelerator.is_available.cache_clear()


@pytest.mark.usefixtures("_apple")
def test_a_run_computes_on_apples_gpu_in_fp32_and_says_so() -> None:
    launched = open_fabric("auto", devices=1)
    assert launched.device.type == "mps"
    assert launched.strategy.precision.precision == "32-true"
    assert environment("photos", launched)["device"] == "Apple's GPU (arm)"
    with pytest.raises(ValueError, match="used by one process, found 2; .* DISABLE_MPS=1"):
        open_fabric("auto", devices=2)


@pytest.mark.usefixtures("_apple")
def test_apples_gpu_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISABLE_MPS", "1")
    assert open_fabric("auto", devices=1).device.type == "cpu"


@pytest.mark.usefixtures("_apple")
def test_the_device_is_chosen_by_name() -> None:
    assert open_fabric("auto", 1, "cpu").device.type == "cpu"
    for device, message in (
        ("cuda", "device 'cuda' cannot be used"),
        ("nonsense", "there is no device 'nonsense'; expected auto, cpu, cuda"),
    ):
        with pytest.raises(ValueError, match=message):
            open_fabric("auto", 1, device)
    with pytest.raises(ValueError, match="precision=fp16 needs a CUDA device"):
        open_fabric("fp16", 1, "cpu")


def test_a_single_gpu_is_for_a_single_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fabric, "find_device", torch.device)
    with pytest.raises(ValueError, match="cuda:1 is used by one process, found 2; .*CUDA_VISIBLE"):
        open_fabric("fp32", 2, "cuda:1")
