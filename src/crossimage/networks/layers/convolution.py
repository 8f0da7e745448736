"""Convolutions that are faster than PyTorch's on CPUs and compute the same functions.

Near the bottleneck of a U-Net and at the end of a deep critic, a layer has millions of weights for
a few pixels. PyTorch's convolutions take up to fifty times as long to compute the gradient of such
kernels as to write it, and even longer for second derivatives; matrix products do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.narrow import is_narrow, narrow_conv
from crossimage.networks.layers.plain import is_plain
from crossimage.networks.layers.prepared import prepared
from crossimage.networks.layers.saving import matrix_of, recomputing
from crossimage.networks.layers.winograd import is_winograd, transformed, winograd_conv

_LARGE = 2**20
"""Values of maps from which on PyTorch's gradient of their reflection takes longer than ours."""

_PIXELS, _WEIGHTS, _HEAVY = 256, 2**18, 2**21
"""A matrix product is faster up to this many pixels per batch and from this many weights. From the
last number on, weights are also stored as products need them, at no cost with more pixels."""


class PaddedConv2d(nn.Conv2d):
    """Convolution that pads in the precision of its input; autocast would pad in fp32.

    Without groups or dilation.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve feature maps (N, I, H, W) to (N, O, h, w)."""
        maps, weight, padding = x, self.weight, _paddings(self)
        if self.padding_mode != "zeros":
            maps, padding = self.pad(x), (0, 0)
        with recomputing(x, maps, self.pad, weight):
            return _convolve(maps, weight, self.bias, self.stride, padding)

    def pad(self, x: Tensor) -> Tensor:
        """Pad feature maps (N, I, H, W) by the layer's mode, other than zeros."""
        return padded(x, self._reversed_padding_repeated_twice, self.padding_mode)


def arrange(networks: nn.Module) -> None:
    """Store weights in the memory order that their layers compute in.

    That is channels-last, except on CPUs for the largest weights of matrix products, whose
    gradients and moments the optimizer would have to copy.
    """
    networks.to(memory_format=torch.channels_last)
    for layer in networks.modules():
        if isinstance(layer, BottleneckConv2d | BottleneckConvTranspose2d) and _is_heavy(
            layer, _HEAVY
        ):
            layer.weight.data = layer.weight.data.contiguous()


def padded(x: Tensor, sides: Sequence[int], mode: str) -> Tensor:
    """Pad by ``torch.nn.functional.pad`` in the precision of the input."""
    with torch.autocast(x.device.type, enabled=False):
        if mode == "reflect" and _has_slow_gradient(x):
            y: Tensor = _Reflected.apply(x, tuple(sides))
            return y
        return F.pad(x, sides, mode)


def _has_slow_gradient(x: Tensor) -> bool:
    """Return whether PyTorch takes twice as long as :class:`_Reflected` for the gradient."""
    large = x.device.type == "cpu" and x.dtype.itemsize == 2 and x.numel() >= _LARGE
    return large and x.requires_grad and not torch.compiler.is_compiling()


class _Reflected(torch.autograd.Function):
    """Reflection padding; its gradient copies the inside and adds the reflected borders to it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
        ctx.sides = sides
        return F.pad(x, sides, "reflect")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        left, right, top, bottom = ctx.sides
        height = gradient.shape[2] - top - bottom

        def within(rows: Tensor) -> Tensor:
            return _add_reflections(rows, left, rows.shape[3] - left - right, right, 3)

        inside = within(gradient.narrow(2, top, height))
        above, below = gradient[:, :, :top], gradient[:, :, top + height :]
        inside.narrow(2, 1, top).add_(within(above.flip(2)))
        inside.narrow(2, height - bottom - 1, bottom).add_(within(below.flip(2)))
        return inside, None


def _add_reflections(x: Tensor, before: int, size: int, after: int, dim: int) -> Tensor:
    """Return the inside of padded maps, to which their borders have been added."""
    inside = x.narrow(dim, before, size).clone(memory_format=torch.channels_last)
    inside.narrow(dim, 1, before).add_(x.narrow(dim, 0, before).flip(dim))
    end = x.narrow(dim, before + size, after).flip(dim)
    inside.narrow(dim, size - after - 1, after).add_(end)
    return inside


class BottleneckConv2d(nn.Conv2d):
    """Convolution as a matrix product where that is faster; zero padding, no groups or dilation."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve feature maps (N, I, H, W) to (N, O, h, w)."""
        if not _is_small(x, self):
            return _convolve(x, self.weight, self.bias, self.stride, _paddings(self))
        return conv_by_product(x, self.weight, self.bias, self.stride, _paddings(self))


class BottleneckConvTranspose2d(nn.ConvTranspose2d):
    """Transposed counterpart, without groups, dilation or output padding."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve feature maps (N, I, h, w) to (N, O, H, W)."""
        if not _is_small(x, self):
            return super().forward(x, output_size)
        return transposed_by_product(x, self.weight, self.bias, self.stride, _paddings(self))


def _convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: tuple[int, int],
) -> Tensor:
    if stride == (1, 1) and is_narrow(x, weight, padding):
        return narrow_conv(x, weight, bias, padding)
    if weight.shape[2:] == (3, 3) and stride == (1, 1) and is_winograd(x, weight):
        rows, columns = padding
        x = F.pad(x, (columns, columns, rows, rows))
        return winograd_conv(x, prepared(weight, transformed), bias)
    return F.conv2d(x, weight, bias, stride, padding)


def _paddings(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    assert not isinstance(layer.padding, str)
    rows, columns = layer.padding
    assert not isinstance(rows, str) and not isinstance(columns, str)
    return rows, columns


def _is_small(x: Tensor, layer: nn.Conv2d | nn.ConvTranspose2d) -> bool:
    if is_plain():
        return False
    pixels = x.numel() // x.shape[1]
    if isinstance(layer, nn.Conv2d):
        pixels //= layer.stride[0] * layer.stride[1]
    return pixels <= _PIXELS and _is_heavy(layer, _WEIGHTS)


def _is_heavy(layer: nn.Conv2d | nn.ConvTranspose2d, weights: int) -> bool:
    return layer.weight.device.type == "cpu" and layer.weight.numel() >= weights


def conv_by_product(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: tuple[int, int],
) -> Tensor:
    """Compute ``conv2d(x, weight, bias, stride, padding)``."""
    height, width = weight.shape[2:]
    x = padded(x, (padding[1], padding[1], padding[0], padding[0]), "constant")
    patches = x.unfold(2, height, stride[0]).unfold(3, width, stride[1])  # (N, I, h, w, kh, kw)
    y = _linear(patches.permute(0, 2, 3, 1, 4, 5).flatten(3), matrix_of(weight), bias)
    return y.permute(0, 3, 1, 2)


def _linear(x: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    if matrix.dtype == torch.float32:
        return F.linear(x, matrix, bias)
    # the gradient of a first factor is no view, so that those of several uses are added in place
    columns = x.flatten(0, -2).t()
    y = matrix @ columns if bias is None else torch.addmm(bias[:, None], matrix, columns)
    return y.t().reshape(*x.shape[:-1], -1)


def transposed_by_product(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: tuple[int, int],
) -> Tensor:
    """Compute ``conv_transpose2d(x, weight, bias, stride, padding)``."""
    height, width = weight.shape[2:]
    h, w = x.shape[2:]
    patches = x.flatten(2).transpose(1, 2) @ matrix_of(weight)  # (N, h w, O kh kw)
    size = (
        (h - 1) * stride[0] - 2 * padding[0] + height,
        (w - 1) * stride[1] - 2 * padding[1] + width,
    )
    y = F.fold(patches.transpose(1, 2), size, (height, width), padding=padding, stride=stride)
    return y if bias is None else y + bias[:, None, None].to(y.dtype)
