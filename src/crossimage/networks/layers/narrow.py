"""Convolutions from or to few channels, such as those of images, in wider ones on CPUs.

The kernels of oneDNN compute at least 16 output channels at a time, so that a convolution to the
three channels of an image costs as much as one to 16. A block of 2 x 2 pixels of the output is one
pixel of a convolution of stride 2 with four times as many channels, whose kernels are one pixel
wider and otherwise zero. The gradient of the input has few channels where the input has, and is
computed in the same way; where the output has, it is a convolution of the padded gradient. The
gradient of kernels to few channels is that of the transposed convolution, with maps and gradient
exchanged. Kernels of onnxruntime are as wide, so graphs have the same blocks, where all sides are
even.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from crossimage.networks.layers.derivatives import differentiable_gradients
from crossimage.networks.layers.plain import is_plain

_LAST = torch.channels_last
_FEW, _PRODUCTS = 8, 2**21
"""Wider convolutions are faster up to this many channels and from this many multiplications."""


def is_narrow(x: Tensor, weight: Tensor, padding: tuple[int, int]) -> bool:
    """Return whether :func:`narrow_conv` computes a convolution faster than PyTorch.

    Args:
        x: Feature maps (N, I, H, W).
        weight: Kernels (O, I, kh, kw) of a convolution of stride 1 without groups or dilation.
        padding: Rows and columns of zeros on each side.
    """
    if is_plain():
        few = len(weight) <= _FEW and min(weight.shape[2:]) >= 3
        return few and all(map(_surely_even, _sides(x, weight, padding)))
    if torch.compiler.is_compiling() or x.device.type != "cpu":
        return False
    outputs, inputs, *kernel = weight.shape
    few_outputs, few_inputs = outputs <= _FEW, inputs <= _FEW and x.requires_grad
    if not (few_outputs or few_inputs) or min(kernel) < 3 or x.dtype == torch.float64:
        return False
    rows, columns = _sides(x, weight, padding)
    even = rows % 2 == columns % 2 == 0 if few_outputs else x.shape[2] % 2 == x.shape[3] % 2 == 0
    return even and len(x) * rows * columns * weight.numel() >= _PRODUCTS


def narrow_conv(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """Compute ``conv2d(x, weight, bias, 1, padding)`` from or to few channels.

    The height and width of the input are even if it has few channels, those of the output if that
    has. Where autocast is on, the result is in its precision.
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    if is_plain():
        return _shuffled(x, weight, bias, padding)
    y: Tensor = _NarrowConv.apply(x, weight, bias, padding)
    return y


class _NarrowConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.padding = padding
        if len(weight) <= _FEW:
            return _in_blocks(x, weight, bias, padding)
        return F.conv2d(x, weight, bias, 1, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=_layout(x, weight))
        padding, needed = ctx.padding, ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():  # for a second derivative
            y = F.conv2d(x, weight, bias, 1, padding)
            return *differentiable_gradients(y, (x, weight, bias), needed, gradient), None
        of_x, of_weight, of_bias = needed
        results: list[Tensor | None] = [None, None, None]
        if of_x and weight.shape[1] <= _FEW and x.shape[2] % 2 == x.shape[3] % 2 == 0:
            results[0] = _in_blocks(gradient, _mirrored(weight), None, _opposite(weight, padding))
            of_x = False
        elif of_x and len(weight) <= _FEW:
            kernels = _mirrored(weight).contiguous(memory_format=_layout(x, weight))
            results[0] = F.conv2d(gradient, kernels, None, 1, _opposite(weight, padding))
            of_x = False
        if of_weight and len(weight) <= _FEW:
            results[1] = _gradient_of_kernels(gradient, x, weight, padding)
            results[2] = gradient.sum((0, 2, 3)) if of_bias else None
            of_weight = of_bias = False
        if of_x or of_weight or of_bias:
            rest = torch.ops.aten.convolution_backward(
                gradient, x, weight, [len(weight)], [1, 1], padding, [1, 1], False, [0, 0], 1,
                [of_x, of_weight, of_bias],
            )  # fmt: skip
            results = [a if a is not None else b for a, b in zip(results, rest, strict=True)]
        return *results, None


def _in_blocks(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """Compute a convolution of stride 1 in blocks of 2 x 2 pixels of the output."""
    bias = None if bias is None else bias.repeat(4)
    y = F.conv2d(x, torch.cat(_shifted(weight)), bias, 2, padding)
    n, _, h, w = y.shape
    size = n, len(weight), 2 * h, 2 * w
    whole = torch.empty(size, dtype=y.dtype, memory_format=_layout(x, weight))
    blocks = y.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, -1).transpose(2, 3)
    whole.permute(0, 2, 3, 1).view(blocks.shape).copy_(blocks)
    return whole


def _layout(x: Tensor, weight: Tensor) -> torch.memory_format:
    """Return the memory layout of the results of PyTorch's convolution."""
    last = any(t.is_contiguous(memory_format=_LAST) and not t.is_contiguous() for t in (x, weight))
    return _LAST if last else torch.contiguous_format


def _shuffled(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """Compute the same from operators that graphs have."""
    kernels = torch.stack(_shifted(weight), 1).flatten(0, 1)
    bias = None if bias is None else bias[:, None].expand(-1, 4).flatten()
    return F.pixel_shuffle(F.conv2d(x, kernels, bias, 2, padding), 2)


def _shifted(weight: Tensor) -> list[Tensor]:
    """Return the kernels, one pixel wider, of each pixel of a block."""
    return [F.pad(weight, (j, 1 - j, i, 1 - i)) for i in (0, 1) for j in (0, 1)]


def _gradient_of_kernels(
    gradient: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int]
) -> Tensor:
    """Return the gradient of kernels as that of the convolution from the gradient to the maps."""
    kernel = weight.shape[2:]
    # a border of zeros around the gradient is faster than the same as padding
    border = [max(0, (k - 1) // 2 - p) for k, p in zip(kernel, padding, strict=True)]
    if any(border):
        gradient = F.pad(gradient, (border[1], border[1], border[0], border[0]))
    opposite = [o - b for o, b in zip(_opposite(weight, padding), border, strict=True)]
    found = torch.ops.aten.convolution_backward(
        x, gradient, weight.transpose(0, 1), None, [1, 1], opposite, [1, 1], False, [0, 0], 1,
        [False, True, False],
    )  # fmt: skip
    return _mirrored(found[1])


def _mirrored(weight: Tensor) -> Tensor:
    """Return the kernels (I, O, kh, kw) of the transposed convolution."""
    return weight.flip(2, 3).transpose(0, 1)


def _opposite(weight: Tensor, padding: tuple[int, int]) -> tuple[int, int]:
    """Return the padding with which the transposed convolution leads back."""
    height, width = weight.shape[2:]
    return height - 1 - padding[0], width - 1 - padding[1]


def _sides(x: Tensor, weight: Tensor, padding: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the output."""
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    return h + 2 * padding[0] - kh + 1, w + 2 * padding[1] - kw + 1


def _surely_even(side: int) -> bool:
    """Return whether a side is even; a symbolic one must be so for every value."""
    from torch.fx.experimental.symbolic_shapes import statically_known_true  # takes long

    return statically_known_true(side % 2 == 0)
