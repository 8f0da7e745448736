"""Norms in two passes: statistics merged over strips, then a scale and a shift per channel."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.normalisation import (
    AffineInstanceNorm,
    InstanceNorm,
    LayerNorm,
    adaptive_instance_norm,
    channel_statistics,
    instance_norm,
    is_constant,
)
from crossimage.networks.masked_residual import ClassBatchNorm
from crossimage.networks.pretrained import STATISTICS_EPS, with_statistics
from crossimage.utils.devices import exact


class ChannelStatistics(NamedTuple):
    """Statistics of the channels of maps.

    Attributes:
        mean: Means (N, C), float64.
        variance: Biased variances (N, C), float64.
        pixels: Values per channel.
    """

    mean: Tensor
    variance: Tensor
    pixels: int


class ChannelMoments:
    """Mean and variance of every channel, merged over strips in float64.

    Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances,
    1979.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = self._squares = torch.zeros((), dtype=torch.float64)

    def add(self, piece: Tensor) -> None:
        """Add rows (N, C, h, W)."""
        with torch.autocast(piece.device.type, enabled=False):
            statistics = channel_statistics(piece)
        mean, variance = (values.cpu().double() for values in statistics)
        count = piece.shape[2] * piece.shape[3]
        total = self._count + count
        apart = mean - self._mean
        self._squares = (
            self._squares + variance * count + apart.square() * (self._count * count / total)
        )
        self._mean, self._count = self._mean + apart * (count / total), total

    @property
    def statistics(self) -> ChannelStatistics:
        """Return the statistics of all rows that were added."""
        return ChannelStatistics(self._mean, self._squares / self._count, self._count)


def affine_of(
    operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], statistics: ChannelStatistics
) -> tuple[Tensor, Tensor]:
    """Return the scale and the shift (N, C) in float64 that a norm amounts to.

    Args:
        operation: The layer or the function.
        args: Its arguments after the maps.
        kwargs: Its named arguments.
        statistics: Those of the maps, of each image or of all images together (1, C).
    """
    mean, variance, count = statistics
    match operation:
        case LayerNorm():
            return _layer_norm(operation, statistics)
        case ClassBatchNorm():
            scale, shift = operation.scales_and_shifts(*args, **kwargs)
            return _instance_norm(mean, variance, scale, shift, operation.eps)
        case InstanceNorm():
            return _instance_norm(mean, variance, None, None, 1e-5)
        case AffineInstanceNorm():
            return _instance_norm(mean, variance, operation.weight, operation.bias, 1e-5)
        case nn.BatchNorm2d() | nn.InstanceNorm2d():
            return _instance_norm(mean, variance, operation.weight, operation.bias, operation.eps)
    if operation is with_statistics:
        wanted_mean, wanted_std = (value.cpu().double() for value in args)
        unbiased = variance * (count / max(1, count - 1))
        scale = wanted_std / (unbiased + STATISTICS_EPS).sqrt()
        return scale, wanted_mean - mean * scale
    if operation is adaptive_instance_norm:
        given = dict(zip(("shift", "scale"), args, strict=False)) | kwargs
    elif operation is instance_norm:
        given = dict(zip(("scale", "shift", "eps"), args, strict=False)) | kwargs
    else:
        assert operation is F.instance_norm
        names = ("running_mean", "running_var", "shift", "scale", "use", "momentum", "eps")
        given = dict(zip(names, args, strict=False)) | kwargs
        given = {"scale": given.get("weight"), "shift": given.get("bias"), **given}
    return _instance_norm(
        mean, variance, given.get("scale"), given.get("shift"), given.get("eps", 1e-5)
    )


def _instance_norm(
    mean: Tensor, variance: Tensor, scale: Tensor | None, shift: Tensor | None, eps: float
) -> tuple[Tensor, Tensor]:
    factor = (variance + eps).rsqrt().masked_fill(is_constant(variance, mean), 0.0)
    if scale is not None:
        factor = factor * scale.cpu().double()
    offset = -mean * factor
    if shift is not None:
        offset = offset + shift.cpu().double()
    return factor, offset


def _layer_norm(layer: LayerNorm, statistics: ChannelStatistics) -> tuple[Tensor, Tensor]:
    means, variances, pixels = statistics
    mean = means.mean(1, keepdim=True)
    variance = (variances + (means - mean).square()).mean(1, keepdim=True)
    count = pixels * means.shape[1]
    deviation = (variance * (count / (count - 1))).sqrt()
    weight, bias = layer.weight.cpu().double(), layer.bias.cpu().double()
    scale = (weight / (deviation + layer.eps)).masked_fill(is_constant(variance, mean), 0.0)
    return scale, bias - mean * scale


def scaled(piece: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return ``piece * scale + shift``, computed in float32 in one pass over memory.

    Args:
        piece: Rows (N, C, h, W).
        scale: (N, C), float32.
        shift: (N, C), float32.
    """
    # batch norm with a mean of 0 and a variance of 1, one sample at a time
    zero, one = torch.zeros_like(scale[0]), torch.ones_like(scale[0])
    with torch.autocast(piece.device.type, enabled=False):
        parts = [
            F.batch_norm(sample, zero, one, a, b, False, 0.0, 0.0)
            for sample, a, b in zip(torch.split(piece, 1), scale, shift, strict=True)
        ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class ColumnSoftmax:
    """A softmax over the rows of every column: the largest values and the sums, then the shares."""

    def __init__(self) -> None:
        self._most = torch.tensor(-torch.inf, dtype=torch.float64)
        self._sum = torch.zeros((), dtype=torch.float64)

    def add(self, piece: Tensor) -> None:
        """Add rows (N, C, h, W)."""
        values = piece.cpu().double()
        most = torch.maximum(self._most, values.amax(2, keepdim=True))
        own = (values - most).exp().sum(2, keepdim=True)
        self._sum = self._sum * (self._most - most).exp() + own
        self._most = most

    def shares(self, piece: Tensor) -> Tensor:
        """Return the softmax of rows that were added."""
        values = exact(piece)
        most, total = self._most.to(values.device), self._sum.to(values.device)
        return ((values - most).exp() / total).to(piece.device, piece.dtype)
