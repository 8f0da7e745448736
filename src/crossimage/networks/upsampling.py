"""Nearest-neighbour upsampling and the convolution after it, as one convolution before it.

After every pixel has been doubled, several of a 5x5 kernel's taps fall on the same pixel and can
be added up beforehand: four 3x3 convolutions at the low resolution, one for each of the four
positions within a doubled pixel. 25 multiplications an output pixel become 9.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.blocks import (
    ActivationName,
    NormName,
    Padding,
    activation_layer,
    norm_layer,
)


class UpsampleBlock(nn.Sequential):
    """Doubled pixels, 5x5 convolution, normalisation, activation.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        norm: Normalisation after the convolution.
        activation: Activation after the normalisation.
        pad: What the padding around the doubled pixels holds.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        norm: NormName = "layer",
        activation: ActivationName = "relu",
        pad: Padding = "reflect",
    ) -> None:
        super().__init__()
        self.conv = _UpsampledConv(inputs, outputs, 5, 1, 2, padding_mode=pad)
        self.norm = norm_layer(norm, outputs)
        self.activation = activation_layer(activation)


class _UpsampledConv(nn.Conv2d):
    """A convolution that sees its input doubled."""

    def forward(self, x: Tensor) -> Tensor:
        return upsampled_conv(x, self.weight, self.bias, self.padding_mode)


def upsampled_conv(x: Tensor, weight: Tensor, bias: Tensor | None, pad: str) -> Tensor:
    """The same as ``conv2d(pad(interpolate(x, scale_factor=2), 2), weight, bias)``.

    Args:
        x: Feature maps (N, I, H, W), at least 2x2.
        weight: Kernels (O, I, 5, 5).
        bias: (O,) or None.
        pad: ``reflect``, ``replicate`` or ``zeros``.

    Returns:
        Feature maps (N, O, 2 H, 2 W).
    """
    n, _, h, w = x.shape
    mode = "constant" if pad == "zeros" else "replicate"
    bias4 = None if bias is None else bias.repeat(4)
    y = F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), _fold(weight), bias4)
    # interleave the four positions; in channels-last memory this moves whole pixels
    y = y.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, -1).transpose(2, 3)
    y = y.reshape(n, 2 * h, 2 * w, -1)
    if pad != "reflect":
        return y.permute(0, 3, 1, 2)
    # Reflection differs from replication in the outermost ring of padding alone, which only the
    # outermost taps see, and only from the outermost rows and columns.
    rows = F.pad(_double(_second(x, 2) - _first(x, 2), 3), (1, 1, 0, 0), mode="replicate")
    corners = _second(_second(x, 2), 3) - _first(_first(x, 2), 3)
    rows = torch.cat([corners[..., :1], rows, corners[..., 1:]], 3)
    columns = _double(_second(x, 3) - _first(x, 3), 2)
    columns = F.pad(F.pad(columns, (0, 0, 1, 1), mode="replicate"), (0, 0, 1, 1))
    bordered: Tensor = _AddBorder.apply(
        y,
        F.conv2d(rows[:, :, :1], weight[:, :, :1]),
        F.conv2d(rows[:, :, 1:], weight[:, :, -1:]),
        F.conv2d(columns[..., :1], weight[..., :1]),
        F.conv2d(columns[..., 1:], weight[..., -1:]),
    )
    return bordered.permute(0, 3, 1, 2)


def _first(x: Tensor, dim: int) -> Tensor:
    """The outermost slices at both ends."""
    return torch.cat([x.narrow(dim, 0, 1), x.narrow(dim, x.shape[dim] - 1, 1)], dim)


def _second(x: Tensor, dim: int) -> Tensor:
    """The slices next to the outermost ones."""
    return torch.cat([x.narrow(dim, 1, 1), x.narrow(dim, x.shape[dim] - 2, 1)], dim)


def _double(x: Tensor, dim: int) -> Tensor:
    return x.repeat_interleave(2, dim)


def _fold(weight: Tensor) -> Tensor:
    """Kernels (O, I, 5, 5) as (4 O, I, 3, 3), the position within the doubled pixel first."""

    def halves(w: Tensor, dim: int) -> list[Tensor]:
        a, b, c, d, e = w.unbind(dim)
        return [torch.stack([a + b, c + d, e], dim), torch.stack([a, b + c, d + e], dim)]

    return torch.cat([part for rows in halves(weight, 2) for part in halves(rows, 3)])


class _AddBorder(torch.autograd.Function):
    """Add a first and last row and column (N, C, H, W) to maps (N, H, W, C) in place.

    Slices of autograd's own would copy the whole gradient once for each of the four.
    """

    @staticmethod
    def forward(
        ctx: Any, y: Tensor, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor
    ) -> Tensor:
        ctx.mark_dirty(y)
        for part, border in zip(_borders(y), (top, bottom, left, right), strict=True):
            part += border
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        (gradient,) = gradients
        return gradient, *_borders(gradient)


def _borders(y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    y = y.permute(0, 3, 1, 2)
    return y[:, :, :1], y[:, :, -1:], y[..., :1], y[..., -1:]
