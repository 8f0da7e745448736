"""Residual blocks of unit variance, with pooling or with a style."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.normalisation import AffineInstanceNorm, adaptive_instance_norm

SLOPE = 0.2
"""Slope of the leaky ReLU for negative values."""


class PoolingBlock(nn.Module):
    """Residual block of two activations and 3x3 convolutions, whose sum is divided by sqrt 2.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output; if they differ, a 1x1 convolution is the shortcut.
        normed: Normalise before each activation, by affine instance norms.
        halves: Halve the resolution by average pooling, after the first convolution.
    """

    def __init__(
        self, inputs: int, outputs: int, *, normed: bool = False, halves: bool = False
    ) -> None:
        super().__init__()
        self.halves = halves
        self.first_norm, self.second_norm = (
            AffineInstanceNorm(inputs) if normed else nn.Identity() for _ in range(2)
        )
        self.first = nn.Conv2d(inputs, inputs, 3, 1, 1)
        self.second = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.shortcut = _shortcut(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Transform feature maps (N, inputs, H, W)."""
        out = self._pool(self.first(F.leaky_relu(self.first_norm(x), SLOPE)))
        out = self.second(F.leaky_relu(self.second_norm(out), SLOPE))
        return (self._pool(self.shortcut(x)) + out) / math.sqrt(2)

    def _pool(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.halves else x


class StyledBlock(nn.Module):
    """Residual block whose norms take scale and shift from a style by a linear layer each.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output; if they differ, a 1x1 convolution is the shortcut.
        style_dim: Length of a style.
        doubles: Double the resolution before the first convolution, by repeating pixels.
        residual: Whether there is a shortcut, and its sum is divided by sqrt 2. Without one there
            is no 1x1 convolution in use either.
    """

    def __init__(
        self, inputs: int, outputs: int, style_dim: int, *, doubles: bool, residual: bool
    ) -> None:
        super().__init__()
        self.doubles, self.residual = doubles, residual
        self.first_norm = StyledNorm(inputs, style_dim)
        self.second_norm = StyledNorm(outputs, style_dim)
        self.first = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.shortcut = _shortcut(inputs, outputs) if residual else nn.Identity()

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Transform feature maps (N, inputs, H, W) by styles (N, style_dim)."""
        out = self._double(F.leaky_relu(self.first_norm(x, style), SLOPE))
        out = F.leaky_relu(self.second_norm(self.first(out), style), SLOPE)
        out = self.second(out)
        if not self.residual:
            return out
        return (out + self.shortcut(self._double(x))) / math.sqrt(2)

    def _double(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.doubles else x


class StyledNorm(nn.Module):
    """AdaIN: instance norm, times 1 + a scale and plus a shift, both linear in a style.

    Args:
        channels: Channels of the input.
        style_dim: Length of a style.
    """

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style_dim, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Normalise (N, channels, H, W) by styles (N, style_dim)."""
        scale, shift = self.affine(style).chunk(2, dim=1)
        return adaptive_instance_norm(x, shift, 1 + scale)


class HighPass(nn.Module):
    """The Laplacian of each channel: 8 times a pixel minus its eight neighbours.

    Args:
        divisor: Divides the result (w_hpf).
    """

    kernel: Tensor

    def __init__(self, divisor: float) -> None:
        super().__init__()
        kernel = torch.full((1, 1, 3, 3), -1.0)
        kernel[..., 1, 1] = 8.0
        self.register_buffer("kernel", kernel / divisor, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Filter feature maps (N, C, H, W), with zeros beyond the edges."""
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], -1, -1, -1)
        return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


def _shortcut(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)
