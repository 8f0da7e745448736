"""8-bit images to and from floats in [-1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor


def from_uint8(x: Tensor) -> Tensor:
    """Map values 0 to 255, of uint8 or float, to float32 in [-1, 1]."""
    return x.to(torch.float32, copy=True).div_(127.5).sub_(1)


def to_uint8(x: Tensor) -> Tensor:
    """Round floats in [-1, 1] to uint8 in 0..255; values outside are clipped."""
    # half precision cannot represent all levels
    x = x.detach() if x.dtype == torch.float64 else x.detach().float()
    return x.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
