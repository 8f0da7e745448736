"""Means and variances per channel on a CPU, accurate however large the maps are.

PyTorch's batch norm adds up channels-last memory in fp32, one value after the other: at 2048 x 2048
pixels the variance is off by 0.4 %, and the error depends on the number of threads. Over strips of
few pixels it is accurate, and the strips are merged in fp64. In fp32, where all else is precise,
sums over 64 x 64 pixels already are the largest error of a translation. Taking 16 neighbouring
pixels as channels of their own makes them 16 times as short, in the same time.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

LARGE = 1 << 16
"""Pixels of a map from which on strips are needed."""

_FEW, _STRIP, _BESIDE = 1 << 9, 1 << 14, 16
"""In fp32, statistics of more than the first number of pixels are merged from shorter sums."""


def needs_strips(sample: Tensor) -> bool:
    """Return whether a sample (1, C, H, W) has to be added up in strips."""
    return sample.shape[2:].numel() > LARGE and not sample.is_contiguous()


def adds_up_badly(sample: Tensor) -> bool:
    """Return whether PyTorch's statistics of a sample (1, C, H, W) lose bits that it has."""
    half = sample.dtype.itemsize == 2
    return sample.shape[2:].numel() > (LARGE if half else _FEW) and not sample.is_contiguous()


def statistics_of(sample: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the mean and the biased variance (C) per channel of a sample (1, C, H, W).

    Args:
        sample: Feature maps in any precision.
        dtype: Precision of the results, at least fp32.
    """
    if not adds_up_badly(sample):
        return _statistics(sample, dtype)
    counts, means, variances = [], [], []
    for strip in _strips(sample):
        for part in _beside(strip):
            mean, variance = _statistics(part, dtype)
            means.append(mean.view(-1, sample.shape[1]))
            variances.append(variance.view(-1, sample.shape[1]))
            counts += [part.shape[2]] * len(means[-1])
    weights = torch.tensor(counts, dtype=torch.float64)[:, None] / sum(counts)
    wide = torch.cat(means).double()
    mean = (weights * wide).sum(0)
    variance = (weights * (torch.cat(variances) + (wide - mean).square())).sum(0)
    return mean.to(dtype), variance.to(dtype)


def _statistics(sample: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    unused = torch.zeros(sample.shape[1], dtype=dtype)
    return torch.batch_norm_update_stats(sample, unused, unused.clone(), 0.0)


def _beside(strip: Tensor) -> Iterator[Tensor]:
    """Yield pixels (1, C, pixels, 1) with neighbours as further channels, and those left over."""
    channels, pixels = strip.shape[1:3]
    rest = pixels % _BESIDE
    if rest < pixels:
        rows = strip[:, :, : pixels - rest].permute(0, 2, 3, 1)
        yield rows.reshape(1, -1, 1, _BESIDE * channels).permute(0, 3, 1, 2)
    if rest:
        yield strip[:, :, pixels - rest :]


def sums_of(
    gradient: Tensor, sample: Tensor, mean: Tensor, inverse: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the sums (C) over pixels of gradient * (sample - mean) * inverse and of the gradient.

    Args:
        gradient: Gradient (N, C, H, W).
        sample: Feature maps (N, C, H, W).
        mean: Subtracted from the maps, (C), at least in fp32.
        inverse: Multiplies them, (C).
    """
    mean, inverse = mean.contiguous(), inverse.contiguous()
    ones = torch.ones_like(mean)
    large = needs_strips(sample)
    pairs = zip(_strips(gradient), _strips(sample), strict=True) if large else [(gradient, sample)]
    sums = [
        torch.ops.aten.native_batch_norm_backward(
            g, x, ones, None, None, mean, inverse, True, 0.0, [False, True, True]
        )[1:]
        for g, x in pairs
    ]
    if not large:
        return sums[0]
    products, totals = (torch.stack(parts).double().sum(0) for parts in zip(*sums, strict=True))
    return products.to(mean.dtype), totals.to(mean.dtype)


def _strips(sample: Tensor) -> Iterator[Tensor]:
    """Yield (1, C, pixels, 1), in channels-last memory without a copy if the sample is."""
    channels = sample.shape[1]
    pixels = sample.permute(0, 2, 3, 1).reshape(1, -1, 1, channels).permute(0, 3, 1, 2)
    yield from torch.split(pixels, _STRIP, dim=2)
