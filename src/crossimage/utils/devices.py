"""Checks of devices, and what a device lacks."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from crossimage.utils.names import check_device_name


def find_device(name: str | torch.device) -> torch.device:
    """Return a device that can be used; ``auto`` is a GPU if there is one, else the CPU.

    GPUs are those of CUDA and Apple's (``mps``), which the environment variable ``DISABLE_MPS=1``
    turns off, here and in Lightning Fabric.

    Raises:
        ValueError: The device cannot be used.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if _has_mps() else "cpu")
    if isinstance(name, str):
        check_device_name(name)
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise ValueError(f"device '{name}' cannot be used ({reason}); try auto or cpu") from None
    return device


def has_bf16(device: torch.device) -> bool:
    """Return whether a device multiplies bf16 matrices; emulation is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def exact(values: Tensor) -> Tensor:
    """Return values in float64: on their device, or on the CPU where the device has no float64."""
    return (values.cpu() if values.device.type == "mps" else values).double()


def _has_mps() -> bool:
    """Return whether Apple's GPU is there and is not turned off."""
    return os.environ.get("DISABLE_MPS") != "1" and torch.backends.mps.is_available()
