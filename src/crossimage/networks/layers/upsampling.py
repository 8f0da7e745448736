"""Nearest-neighbour upsampling followed by a convolution, computed at the low resolution.

Once every pixel has been doubled, several of a 5x5 kernel's taps fall on the same pixel and can be
added up beforehand: four 3x3 convolutions at the low resolution, one for each of the four
positions within a doubled pixel. 25 multiplications per output pixel become 9.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.blocks import (
    ActivationName,
    NormName,
    Padding,
    activation_layer,
    norm_layer,
)
from crossimage.networks.layers.convolution import padded
from crossimage.networks.layers.normalisation import layout_of
from crossimage.networks.layers.plain import is_plain
from crossimage.networks.layers.prepared import prepared
from crossimage.networks.layers.saving import recomputing
from crossimage.networks.layers.winograd import is_winograd, transformed, winograd_conv


class UpsampleBlock(nn.Sequential):
    """Nearest-neighbour upsampling by 2, 5x5 convolution, normalisation, activation.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        norm: Normalisation after the convolution.
        activation: Activation after the normalisation.
        pad: Padding mode around the doubled pixels.
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
        self.conv = UpsampledConv(inputs, outputs, 5, 1, 2, padding_mode=pad)
        self.norm = norm_layer(norm, outputs)
        self.activation = activation_layer(activation)


class UpsampledConv(nn.Conv2d):
    """Convolution of the doubled input."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve feature maps (N, I, H, W) to (N, O, 2 H, 2 W)."""
        return upsampled_conv(x, self.weight, self.bias, self.padding_mode)


def upsampled_conv(x: Tensor, weight: Tensor, bias: Tensor | None, pad: str) -> Tensor:
    """Compute ``conv2d(pad(interpolate(x, scale_factor=2), 2), weight, bias)``.

    Args:
        x: Feature maps (N, I, H, W), at least 2x2.
        weight: Kernels (O, I, 5, 5).
        bias: (O,) or None.
        pad: ``reflect``, ``replicate`` or ``zeros``.

    Returns:
        Feature maps (N, O, 2 H, 2 W).
    """
    if is_plain():
        return _plain_conv(x, weight, bias, pad)
    n, _, h, w = x.shape
    mode = "constant" if pad == "zeros" else "replicate"
    bias4 = None if bias is None else bias.repeat(4)
    x, rows, columns = _WithEdges.apply(x) if pad == "reflect" else (x, x, x)

    def border(x: Tensor) -> Tensor:
        return padded(x, (1, 1, 1, 1), mode)

    maps = border(x)
    if is_winograd(x, weight):
        y = winograd_conv(maps, prepared(weight, _transformed_fold), bias4)
    else:
        folded = _fold(weight)
        with recomputing(x, maps, border, folded):
            y = F.conv2d(maps, folded, bias4)
    # interleave the four positions; in channels-last memory this moves whole pixels
    y = y.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, -1).transpose(2, 3)
    y = y.reshape(n, 2 * h, 2 * w, -1)
    if pad != "reflect":
        return y.permute(0, 3, 1, 2)
    return _AddBorder.apply(y, *_reflection(rows, columns, weight)).permute(0, 3, 1, 2)


def _plain_conv(x: Tensor, weight: Tensor, bias: Tensor | None, pad: str) -> Tensor:
    """Plain form, with the same number of multiplications."""
    mode = "constant" if pad == "zeros" else "replicate"
    folded = _fold(weight)
    kernels = folded.reshape(4, -1, *folded.shape[1:]).transpose(0, 1).flatten(0, 1)
    bias4 = None if bias is None else bias.repeat_interleave(4)
    y = F.pixel_shuffle(F.conv2d(padded(x, (1, 1, 1, 1), mode), kernels, bias4), 2)
    if pad != "reflect":
        return y
    top, bottom, left, right = _reflection(_edges(x, 2), _edges(x, 3), weight)
    y = torch.cat([y[:, :, :1] + top, y[:, :, 1:-1], y[:, :, -1:] + bottom], 2)
    return torch.cat([y[..., :1] + left, y[..., 1:-1], y[..., -1:] + right], 3)


def _reflection(
    rows: Tensor, columns: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what reflection adds to the outermost rows and columns, compared with replication.

    Both differ only in the outermost ring of padding, which only the outermost taps reach, and only
    from the outermost rows and columns.

    Args:
        rows: The two outermost rows at both ends, (N, I, 4, W).
        columns: The two outermost columns, (N, I, H, 4).
        weight: Kernels (O, I, 5, 5).

    Returns:
        Values of the first and the last row (N, O, 1, 2 W), and of the first and the last column
        (N, O, 2 H, 1).
    """
    outermost, next_ones = rows[:, :, ::3], rows[:, :, 1:3]
    corners = torch.stack([next_ones[..., 1], next_ones[..., -2]], 3) - torch.stack(
        [outermost[..., 0], outermost[..., -1]], 3
    )
    rows = padded(_double(next_ones - outermost, 3), (1, 1, 0, 0), "replicate")
    rows = torch.cat([corners[..., :1], rows, corners[..., 1:]], 3)
    columns = _double(columns[..., 1:3] - columns[..., ::3], 2)
    columns = padded(padded(columns, (0, 0, 1, 1), "replicate"), (0, 0, 1, 1), "constant")
    return (
        F.conv2d(rows[:, :, :1], weight[:, :, :1]),
        F.conv2d(rows[:, :, 1:], weight[:, :, -1:]),
        F.conv2d(columns[..., :1], weight[..., :1]),
        F.conv2d(columns[..., 1:], weight[..., -1:]),
    )


class _WithEdges(torch.autograd.Function):
    """Feature maps, and their two outermost rows and columns at both ends.

    Plain slices would each allocate a gradient of the full size.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x.view_as(x), _edges(x, 2), _edges(x, 3)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        whole, rows, columns = gradients
        whole = whole.clone()
        for gradient, dim in ((rows, 2), (columns, 3)):
            size = whole.shape[dim]
            for i, index in enumerate((0, 1, size - 2, size - 1)):
                whole.select(dim, index).add_(gradient.select(dim, i))
        return whole


def _edges(x: Tensor, dim: int) -> Tensor:
    """The first two and the last two slices."""
    return torch.cat([x.narrow(dim, 0, 2), x.narrow(dim, x.shape[dim] - 2, 2)], dim)


def _double(x: Tensor, dim: int) -> Tensor:
    return x.repeat_interleave(2, dim)


def _fold(weight: Tensor) -> Tensor:
    """Kernels (O, I, 5, 5) as (4 O, I, 3, 3), the position within the doubled pixel first."""

    def halves(w: Tensor, dim: int) -> list[Tensor]:
        a, b, c, d, e = w.unbind(dim)
        return [torch.stack([a + b, c + d, e], dim), torch.stack([a, b + c, d + e], dim)]

    folded = torch.cat([part for rows in halves(weight, 2) for part in halves(rows, 3)])
    return folded.contiguous(memory_format=layout_of(weight))


def _transformed_fold(weight: Tensor) -> Tensor:
    return transformed(_fold(weight))


class _AddBorder(torch.autograd.Function):
    """Add a first and last row and column (N, C, H, W) to maps (N, H, W, C) in place.

    Plain slices would copy the whole gradient once for each of the four.
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
