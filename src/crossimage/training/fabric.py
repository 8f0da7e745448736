"""Where a run computes: devices, processes and arithmetic."""

from __future__ import annotations

import logging
import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException


def world_of(devices: int) -> int:
    """Processes of the run: those of ``torchrun``, or one for each of this machine's devices."""
    return int(os.environ.get("WORLD_SIZE", devices))


def open_fabric(precision: str, devices: int) -> Fabric:
    """The launched engine room."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    world = world_of(devices)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", devices))
    names: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
    try:
        fabric = Fabric(
            accelerator="cuda" if torch.cuda.is_available() else "cpu",
            devices=local,
            num_nodes=world // local,
            strategy="ddp" if world > 1 else "auto",
            precision=names[arithmetic(precision)],
        )
    except MisconfigurationException as error:
        raise ValueError(f"devices={devices} can't be used: {error}") from None
    fabric.launch()
    return fabric


def arithmetic(precision: str) -> str:
    """What ``auto`` means on this machine: bf16 where the hardware has it, else fp32."""
    if precision != "auto":
        return precision
    return "bf16" if _has_bf16() else "fp32"


def _has_bf16() -> bool:
    """Whether the hardware multiplies bf16 matrices; emulation would be slower than fp32."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
