"""CIE Lab: lightness L* in 0..100 and colour a*, b* of sRGB images, for daylight D65."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_FROM_XYZ = torch.linalg.inv(torch.tensor(_TO_XYZ, dtype=torch.float64)).tolist()
_WHITE = (0.95047, 1.0, 1.08883)
_LINEAR_BELOW = 6 / 29  # of the cube root in the definition of Lab


def rgb_to_lab(x: Tensor) -> Tensor:
    """Convert sRGB images (N, 3, H, W) in [-1, 1] to L*, a* and b*, in float32.

    Colours of sRGB have L* from 0 to 100, a* from -87 to 99 and b* from -108 to 95.
    """
    values = (x.float() + 1) / 2
    linear = torch.where(
        values <= 0.04045, values / 12.92, ((values.clamp(min=0) + 0.055) / 1.055) ** 2.4
    )
    t = _mix(linear, _TO_XYZ) / _per_channel(_WHITE, x)
    root = torch.where(
        t > _LINEAR_BELOW**3, t.clamp(min=0) ** (1 / 3), t / (3 * _LINEAR_BELOW**2) + 4 / 29
    )
    f_x, f_y, f_z = root.unbind(1)
    return torch.stack([116 * f_y - 16, 500 * (f_x - f_y), 200 * (f_y - f_z)], 1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Convert L*, a* and b* (N, 3, H, W) to sRGB images in [-1, 1], in float32.

    Colours outside of sRGB are clipped.
    """
    lightness, a, b = lab.float().unbind(1)
    f_y = (lightness + 16) / 116
    f_z = (f_y - b / 200).clamp(min=0)  # colours that no light has, as scikit-image treats them
    f = torch.stack([f_y + a / 500, f_y, f_z], 1)
    t = torch.where(f > _LINEAR_BELOW, f**3, 3 * _LINEAR_BELOW**2 * (f - 4 / 29))
    linear = _mix(t * _per_channel(_WHITE, lab), _FROM_XYZ)
    values = torch.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0) ** (1 / 2.4) - 0.055
    )
    return values.clamp(0, 1) * 2 - 1


def _mix(x: Tensor, matrix: Sequence[Sequence[float]]) -> Tensor:
    """Multiply the channels of each pixel by a matrix; unlike matmul, never in bf16."""
    return torch.stack([(x * _per_channel(row, x)).sum(1) for row in matrix], 1)


def _per_channel(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device, dtype=torch.float32)[:, None, None]
