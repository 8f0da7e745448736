"""Halving of feature maps by a blur, without aliasing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.convolution import padded


class Blur(nn.Module):
    """Binomial 3x3 filter of stride 2, which halves feature maps without aliasing.

    Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019.

    Args:
        channels: Channels of the feature maps.

    Attributes:
        kernel: The filter of every channel (channels, 1, 3, 3), not part of the saved state.
    """

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = (0.25, 0.5, 0.25)
        kernel = torch.tensor([[row * column for column in taps] for row in taps])
        kernel = kernel.expand(channels, 1, 3, 3).clone()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Halve maps (N, C, H, W) of at least 2x2, rounded up; their borders are reflected."""
        x = padded(x, (1, 1, 1, 1), "reflect")
        half = x.device.type == "cpu" and x.dtype == torch.bfloat16
        if half and x.requires_grad and not torch.compiler.is_compiling():
            y: Tensor = _Halved.apply(x, self.kernel.to(x.dtype))
            return y
        return F.conv2d(x, self.kernel, stride=2, groups=len(self.kernel))


class _Halved(torch.autograd.Function):
    """The convolution of :class:`Blur`, whose gradient oneDNN takes long to compute in bf16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.size = x.shape[2:]
        return F.conv2d(x, kernel, stride=2, groups=len(kernel))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        (kernel,) = ctx.saved_tensors
        height, width = ctx.size
        if torch.is_grad_enabled():  # for a second derivative
            extra = (1 - height % 2, 1 - width % 2)
            y = F.conv_transpose2d(gradient, kernel, None, 2, 0, extra, len(kernel))
            return y, None
        y = gradient.permute(0, 2, 3, 1)  # pixels first, as they lie in channels-last memory
        return _spread(_spread(y, 2, width), 1, height).permute(0, 3, 1, 2), None


def _spread(y: Tensor, dim: int, size: int) -> Tensor:
    """Apply the transposed filter (1, 2, 1) / 4 of stride 2 along a dimension."""
    shape = list(y.shape)
    shape[dim] = size
    x = y.new_zeros(shape) if size % 2 == 0 else y.new_empty(shape)
    count = y.shape[dim]
    y = y / 4
    x.narrow(dim, 0, 1).copy_(y.narrow(dim, 0, 1))
    x.narrow(dim, 2 * count, 1).copy_(y.narrow(dim, count - 1, 1))
    between = _every_second(x, dim, 2, 2 * count)
    torch.add(y.narrow(dim, 0, count - 1), y.narrow(dim, 1, count - 1), out=between)
    _every_second(x, dim, 1, 2 * count).copy_(y).mul_(2)
    return x


def _every_second(x: Tensor, dim: int, first: int, end: int) -> Tensor:
    steps = [slice(None)] * x.dim()
    steps[dim] = slice(first, end, 2)
    return x[tuple(steps)]
