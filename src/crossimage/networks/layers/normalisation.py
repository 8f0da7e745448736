"""Instance, adaptive instance and layer norm that need few passes over memory.

PyTorch's own are slow on CPUs with channels-last memory: the backward pass of a group norm takes
about thirty times as long as the forward pass. Its batch norm is fast in both directions, and for
a single image equals the instance norm.

A constant input (a mask, a white margin, an empty slice) has no variance to divide by. It is
normalised to 0, and no gradient flows through it: the exact one would be multiplied by 300 to
100,000 in every layer and overflow after a few of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from crossimage.networks.layers.derivatives import differentiable_gradients
from crossimage.networks.layers.plain import is_plain
from crossimage.networks.layers.statistics import (
    adds_up_badly,
    needs_strips,
    statistics_of,
    sums_of,
)


class InstanceNorm(nn.Module):
    """Instance norm without learned parameters."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W) over H and W."""
        return instance_norm(x)


class AffineInstanceNorm(nn.Module):
    """Instance norm followed by a learned scale and shift per channel.

    Args:
        channels: Channels of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W) over H and W."""
        samples = x.shape[0], -1
        return instance_norm(x, self.weight.expand(samples), self.bias.expand(samples))


def adaptive_instance_norm(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Apply AdaIN: instance norm, then an affine map per sample and channel.

    Args:
        x: Feature maps (N, C, H, W).
        shift: Added to the normalised maps, (N, C).
        scale: Multiplies the normalised maps directly (not 1 + scale), (N, C).

    Returns:
        Feature maps (N, C, H, W). MUNIT, equation 7.
    """
    return instance_norm(x, scale, shift)


def instance_norm(
    x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise (N, C, H, W) over H and W.

    Args:
        x: Feature maps.
        scale: Multiplies the normalised maps, (N, C).
        shift: Added afterwards, (N, C); given if and only if ``scale`` is.
        eps: Added to the variance.
    """
    # the compiler fuses the plain form into one kernel
    eager = not (is_plain() or torch.compiler.is_compiling())
    if eager and x.device.type == "cpu" and x.shape[2:].numel() > 1:
        return _by_batch_norm(x, scale, shift, eps)
    y = _normalise(x, eps)
    if scale is None or shift is None:
        return y
    scale, shift = scale[:, :, None, None], shift[:, :, None, None]
    return torch.addcmul(shift.to(y.dtype), y, scale.to(y.dtype))


def _by_batch_norm(x: Tensor, scale: Tensor | None, shift: Tensor | None, eps: float) -> Tensor:
    """Normalise every sample as its own batch; statistics and affine maps are at least fp32."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    if scale is None or shift is None:
        scale, shift = torch.ones(x.shape[:2], dtype=dtype), torch.zeros(x.shape[:2], dtype=dtype)
    scale, shift = scale.to(dtype), shift.to(dtype)
    y: Tensor
    if not torch.is_grad_enabled() and adds_up_badly(x[:1]):
        return _accurately(_dense(x), scale, shift, eps)
    if not needs_strips(x[:1]):
        y = _PerSample.apply(_dense(x), scale.contiguous(), shift.contiguous(), eps)
        return y
    parts = [
        _Large.apply(sample, weight, bias, eps)
        for sample, weight, bias in zip(torch.split(x, 1), scale, shift, strict=True)
    ]
    return _joined(parts)


def _joined(samples: list[Tensor]) -> Tensor:
    """Return samples (1, C, H, W) as one tensor; a single one as it is, without a copy."""
    return samples[0] if len(samples) == 1 else torch.cat(samples)


def _accurately(x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
    """Normalise every sample by accurate statistics, without gradients."""
    y, unused = torch.empty_like(x), scale.new_empty(0)
    for sample, weight, bias, part in zip(
        x.chunk(len(x)), scale.unbind(), shift.unbind(), y.chunk(len(y)), strict=True
    ):
        mean, variance = statistics_of(sample, weight.dtype)
        weight = weight.masked_fill(is_constant(variance, mean), 0.0)
        torch.native_batch_norm(
            sample, weight, bias, mean, variance, False, 0.0, eps, out=(part, unused, unused)
        )
    return y


class _PerSample(torch.autograd.Function):
    """Batch norm of each sample, without its constant channels, as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
        y, mean, inverse = torch.empty_like(x), torch.empty_like(scale), torch.empty_like(scale)
        outs = zip(y.chunk(len(y)), mean.unbind(), inverse.unbind(), strict=True)
        for sample, weight, bias, out in zip(
            x.chunk(len(x)), scale.unbind(), shift.unbind(), outs, strict=True
        ):
            torch.native_batch_norm(sample, weight, bias, None, None, True, 0.0, eps, out=out)
        constant = is_constant(inverse**-2 - eps, mean)
        ctx.constant = constant if constant.any() else None
        if ctx.constant is not None:
            # they are rounding errors, which a few norms in a row would blow up to a pattern
            y = torch.where(constant[:, :, None, None], shift[:, :, None, None].to(y.dtype), y)
        ctx.save_for_backward(x, scale, shift, mean, inverse)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, shift, mean, inverse = ctx.saved_tensors
        gradient = _dense(gradients[0], like=x)
        constant = ctx.constant
        if torch.is_grad_enabled():  # for a second derivative
            y = _normalise(x, ctx.eps) * scale[:, :, None, None] + shift[:, :, None, None]
            needed = ctx.needs_input_grad[:3]
            return *differentiable_gradients(y, (x, scale, shift), needed, gradient), None
        mask = [ctx.needs_input_grad[0], *[ctx.needs_input_grad[1]] * 2]
        parts = [
            torch.ops.aten.native_batch_norm_backward(
                g, sample, weight, None, None, m, i, True, ctx.eps, mask
            )
            for g, sample, weight, m, i in zip(
                gradient.chunk(len(x)),
                x.chunk(len(x)),
                scale.unbind(),
                mean.unbind(),
                inverse.unbind(),
                strict=True,
            )
        ]
        of_x = _joined([part[0] for part in parts]) if mask[0] else None
        of_scale = torch.stack([part[1] for part in parts]) if mask[1] else None
        of_shift = torch.stack([part[2] for part in parts]) if mask[1] else None
        if constant is not None:
            of_x = None if of_x is None else of_x.masked_fill(constant[:, :, None, None], 0.0)
            of_scale = None if of_scale is None else of_scale.masked_fill(constant, 0.0)
        return of_x, of_scale, of_shift, None


def _dense(x: Tensor, like: Tensor | None = None) -> Tensor:
    """Return (N, C, H, W) in channels-last or contiguous memory, as it is, or like another."""
    return x.contiguous(memory_format=layout_of(x if like is None else like))


def layout_of(x: Tensor) -> torch.memory_format:
    """Return in which of both layouts maps (N, C, H, W) are, contiguous if in neither."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


class _Large(torch.autograd.Function):
    """The same function of a sample whose statistics need strips."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        mean, variance = statistics_of(x, weight.dtype)
        inverse = (variance + eps).rsqrt().masked_fill(is_constant(variance, mean), 0.0)
        ctx.save_for_backward(x, weight, bias, mean, inverse)
        ctx.eps = eps
        return _affine(x, weight * inverse, bias - mean * weight * inverse)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight, bias, mean, inverse = ctx.saved_tensors
        if torch.is_grad_enabled():  # for a second derivative
            y = _normalise(x, ctx.eps) * weight[:, None, None] + bias[:, None, None]
            needed = ctx.needs_input_grad[:3]
            return *differentiable_gradients(y, (x, weight, bias), needed, gradient), None
        on_z, on_1 = sums_of(gradient, x, mean, inverse)
        count = x.shape[2:].numel()
        slope = -on_z * inverse / count
        of_x = _affine(x, slope, -on_1 / count - slope * mean)
        scale = (weight * inverse)[:, None, None].to(x.dtype)
        return of_x.add_(gradient).mul_(scale), on_z, on_1, None


def _affine(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Multiply and shift a sample (1, C, H, W) per channel (C): one pass, rounded once."""
    scale, shift = scale.contiguous(), shift.contiguous()
    zeros, ones = torch.zeros_like(scale), torch.ones_like(scale)
    return torch.native_batch_norm(x, scale, shift, zeros, ones, False, 0.0, 0.0)[0]


def is_constant(variance: Tensor, mean: Tensor) -> Tensor:
    """Return whether all values are equal up to rounding errors in fp32."""
    return variance <= (1e-6 * mean).square() + 1e-12


def _normalise(x: Tensor, eps: float) -> Tensor:
    """Instance norm in the layout and precision of the input, with sums in fp32."""
    with torch.autocast(x.device.type, enabled=False):
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        if is_plain():
            centred, mean, variance = _centred(wide, (2, 3))
            scale = (variance + eps).rsqrt().masked_fill(is_constant(variance, mean), 0.0)
            return (centred * scale).to(x.dtype)
        variance, mean = torch.var_mean(wide, (2, 3), correction=0, keepdim=True)
        scale = (variance + eps).rsqrt().masked_fill(is_constant(variance, mean), 0.0)
        return torch.addcmul((-mean * scale).to(x.dtype), x, scale.to(x.dtype))


def _centred(x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return x - mean, mean and variance, in as few steps of a graph as there are."""
    mean = x.mean(dims, keepdim=True)
    centred = x - mean
    return centred, mean, (centred * centred).mean(dims, keepdim=True)  # faster than a power


class LayerNorm(nn.Module):
    """Layer norm over C, H and W of each sample, followed by an affine map per channel.

    The standard deviation is the unbiased one, and eps is added to it rather than to the
    variance: the form that MUNIT's decoder was published with.

    Args:
        channels: Channels of the input.
        eps: Added to the standard deviation.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.rand(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W)."""
        with torch.autocast(x.device.type, enabled=False):
            if not is_plain() and x.device.type == "cpu" and x.shape[2:].numel() > 1:
                return _LayerNorm.apply(x, self.weight, self.bias, self.eps)
            return _layer_norm(x, self.weight, self.bias, self.eps)


def _layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Plain form, in fp32: half precision cannot hold sums over whole feature maps."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    dims = (1, 2, 3)
    if is_plain():
        count = x.shape[1:].numel()
        centred, mean, variance = _centred(wide, dims)
        variance = variance * (count / (count - 1))
    else:
        variance, mean = torch.var_mean(wide, dims, keepdim=True)
    constant = is_constant(variance, mean)
    # masked twice: the derivative of the square root is infinite at 0
    deviation = variance.masked_fill(constant, 1.0).sqrt()
    scale = (weight[:, None, None] / (deviation + eps)).masked_fill(constant, 0.0)
    if is_plain():
        return torch.addcmul(bias[:, None, None], centred, scale).to(x.dtype)
    shift = bias[:, None, None] - mean * scale
    return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))


class _LayerNorm(torch.autograd.Function):
    """The same function computed from sums per channel, which batch norm's kernels make fast.

    With z = (x - mean) / deviation, y = w r z + b, where r = deviation / (unbiased deviation + eps)
    is almost 1.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        count = x[0].numel()
        unbiased = (count / (count - 1)) ** 0.5
        means, variances = _statistics(x, weight)
        mean = means.mean(1, keepdim=True)
        variance = (variances + (means - mean).square()).mean(1, keepdim=True)
        deviation = variance.sqrt().masked_fill(is_constant(variance, mean), torch.inf)
        scale = weight / (unbiased * deviation + eps)
        ctx.save_for_backward(x, weight, bias, mean, deviation)
        ctx.eps, ctx.count, ctx.unbiased = eps, count, unbiased
        return _affine_maps(x, scale, bias - mean * scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight, bias, mean, deviation = ctx.saved_tensors
        if torch.is_grad_enabled():  # for a second derivative
            y = _layer_norm(x, weight, bias, ctx.eps)
            needed = ctx.needs_input_grad[:3]
            return *differentiable_gradients(y, (x, weight, bias), needed, gradient), None
        inverse = 1 / deviation  # 0 for a constant sample
        ratio = (deviation / (ctx.unbiased * deviation + ctx.eps)).nan_to_num(1.0)
        on_z, on_1 = _sums(gradient, x, weight, mean, inverse)  # of the gradient times z and 1
        by_z = (weight * on_z).sum(1, keepdim=True) * ratio / ctx.count
        by_1 = (weight * on_1).sum(1, keepdim=True) * ratio / ctx.count
        slope = -ctx.unbiased * ratio * by_z * inverse.square()
        offset = -by_1 * inverse - slope * mean
        by_gradient = weight * ratio * inverse
        on_x = _affine_maps(x, slope.expand_as(by_gradient), offset.expand_as(by_gradient))
        of_x = on_x + _affine_maps(gradient, by_gradient, torch.zeros_like(by_gradient))
        return of_x, (ratio * on_z).sum(0), on_1.sum(0), None


def _affine_maps(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Multiply and shift maps (N, C, H, W) per sample and channel (N, C)."""
    samples = zip(torch.split(x, 1), scale, shift, strict=True)
    return _joined([_affine(*sample) for sample in samples])


def channel_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance (N, C) per channel of (N, C, H, W), at least in fp32."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return _statistics(x, x.new_empty(x.shape[1], dtype=dtype))


def _statistics(x: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance (N, C) per channel, in the precision of ``like``."""
    statistics = (statistics_of(sample, like.dtype) for sample in torch.split(x, 1))
    means, variances = zip(*statistics, strict=True)
    return torch.stack(means), torch.stack(variances)


def _sums(
    gradient: Tensor, x: Tensor, weight: Tensor, mean: Tensor, inverse: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the sums (N, C) over pixels of gradient * (x - mean) * inverse and of the gradient."""
    sums = [
        sums_of(g, sample, m.expand_as(weight), i.expand_as(weight))
        for g, sample, m, i in zip(
            torch.split(gradient, 1), torch.split(x, 1), mean, inverse, strict=True
        )
    ]
    return torch.stack([s[0] for s in sums]), torch.stack([s[1] for s in sums])
