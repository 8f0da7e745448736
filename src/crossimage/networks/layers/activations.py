"""ReLU and PReLU that need few passes over memory on CPUs.

In half precision, PyTorch's ReLU in place takes two to four times as long as one that writes new
maps. PReLU writes the gradient of its slope for every value before it adds them up, which takes ten
times as long as its forward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.derivatives import differentiable_gradients
from crossimage.networks.layers.plain import is_plain
from crossimage.networks.layers.statistics import sums_of


class ReLU(nn.ReLU):
    """ReLU that overwrites its input, except in half precision on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        """Set the negative values of (N, C, H, W) to 0."""
        return F.relu(x, inplace=x.device.type != "cpu" or x.dtype.itemsize > 2)


class PReLU(nn.PReLU):
    """PReLU with one learned slope.

    Args:
        init: Slope at the beginning.
    """

    def __init__(self, init: float = 0.25) -> None:
        super().__init__(1, init)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply the negative values of (N, C, H, W) by the slope."""
        plain = is_plain() or torch.compiler.is_compiling() or not torch.is_grad_enabled()
        if plain or x.device.type != "cpu" or x.dtype == torch.float64:
            return super().forward(x)
        y: Tensor = _PReLU.apply(x, self.weight)
        return y


class _PReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return F.leaky_relu(x, slope.to(x.dtype).item())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # for a second derivative
            y = F.prelu(x, slope.to(x.dtype))
            return differentiable_gradients(y, (x, slope), ctx.needs_input_grad, gradient)
        of_x = of_slope = None
        if ctx.needs_input_grad[0]:
            value = slope.to(x.dtype).item()
            of_x = torch.ops.aten.leaky_relu_backward(gradient, x, value, False)
        if ctx.needs_input_grad[1]:
            zeros = torch.zeros(x.shape[1])
            products, _ = sums_of(gradient, x.clamp_max(0), zeros, torch.ones_like(zeros))
            of_slope = products.sum(0, keepdim=True).to(slope.dtype)
        return of_x, of_slope
