"""Devices, processes and arithmetic of a run."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from unittest.mock import patch

import torch.distributed as dist
from lightning_utilities.core import imports
from packaging.version import Version

from crossimage.training.processes import no_compiler
from crossimage.training.processes.watchdog import LostProcessError, tie_to_first, watch_others
from crossimage.utils.devices import find_device, has_bf16


def _has_version(
    package: str,
    compare: Callable[[Version, Version], bool],
    than: str,
    use_base_version: bool = False,
) -> bool:
    """Compare the version of an installed package, without importing it."""
    try:
        found = Version(version(package))
    except PackageNotFoundError:
        return False
    return compare(Version(found.base_version) if use_base_version else found, Version(than))


with patch.object(imports, "compare_version", _has_version), no_compiler.unloaded():
    # It compares the version of torchmetrics, whose import takes as long as that of PyTorch.
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning_fabric.utilities.exceptions import MisconfigurationException


def world_of(devices: int) -> int:
    """Return the number of processes: as ``torchrun`` sets it, or one per device."""
    return int(os.environ.get("WORLD_SIZE", devices))


def open_fabric(precision: str, devices: int, device: str = "auto") -> Fabric:
    """Launch the run's processes and choose its devices and arithmetic.

    Args:
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        devices: Processes on this machine; ``torchrun`` sets their number itself.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; for one process also ``cuda:1``.

    Raises:
        ValueError: There are fewer devices, the device can't be used, several processes are meant
            for one GPU, or the device lacks the precision.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    world = world_of(devices)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", devices))
    chosen = find_device(device)
    accelerator = chosen.type
    if accelerator == "mps" and world > 1:
        raise ValueError(
            f"Apple's GPU (mps) is used by one process, found {world}; train with one, or on the "
            "CPU with the environment variable DISABLE_MPS=1"
        )
    if chosen.index is not None and world > 1:
        raise ValueError(
            f"{device} is used by one process, found {world}; choose GPUs by the environment "
            "variable CUDA_VISIBLE_DEVICES instead"
        )
    if precision == "fp16" and accelerator != "cuda":
        raise ValueError("precision=fp16 needs a CUDA device; use bf16, fp32 or auto")
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    names: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=local if chosen.index is None else [chosen.index],
            num_nodes=world // local,
            strategy="ddp" if world > 1 else "auto",
            precision=names[arithmetic(precision, device)],
            # Fabric's search takes all tasks of a job for processes and warns where srun exists
            plugins=[TorchElasticEnvironment() if by_torchrun else LightningEnvironment()],
        )
    except MisconfigurationException as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{local} processes cannot use the devices of a machine: {reason}; every process needs "
            "a device, and all of them must see the devices of all (Slurm: --gpus-per-node=N, not "
            "--gpus-per-task)"
        ) from None
    if world > 1 and not by_torchrun:  # torchrun ends all by itself
        tie_to_first()
        watch_others(getattr(fabric.strategy.launcher, "procs", ()))
    try:
        fabric.launch()
    except RuntimeError as error:  # PyTorch's, with its class only in some builds
        if world == 1 or not isinstance(error, dist.DistError):
            raise
        raise LostProcessError(
            f"the {world} processes of the run did not find each other; check that all were "
            f"started and reach MASTER_ADDR:MASTER_PORT ({str(error).partition(chr(10))[0][:150]})"
        ) from error
    return fabric


def arithmetic(precision: str, device: str = "auto") -> str:
    """Return the precision that is used: for ``auto``, bf16 if the hardware has it, else fp32.

    Apple's GPU computes in fp32 then: PyTorch has bf16 for it in recent versions of macOS only.
    """
    if precision != "auto":
        return precision
    return "bf16" if has_bf16(find_device(device)) else "fp32"
