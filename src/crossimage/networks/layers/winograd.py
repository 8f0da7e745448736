"""3 x 3 convolutions with half of the multiplications, for translating in fp32 on CPUs.

Winograd's minimal filtering along rows, F(4, 3) (Lavin and Gray, Fast Algorithms for Convolutional
Neural Networks, 2016): six pixels are transformed, multiplied by transformed kernels, and
transformed to four pixels of the output, with 6 multiplications instead of 12. Rounding errors are
about those of the plain sum. Rows do not depend on how many are computed together, so strips of an
image give the values of the whole. In half precision the transforms would lose too many bits.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.prepared import is_frozen

_WIDE, _SIDE, _TILES = 128, 16, 1024
"""It is faster from this many channels on both sides and this many columns. At most about this many
tiles of four pixels are computed at a time, so that their transforms stay in the cache."""

ONEDNN = torch._C._has_mkldnn and platform.machine().lower() in ("x86_64", "amd64")
"""Whether CPUs compute convolutions by oneDNN on x86, where all choices were measured."""

_AVAILABLE = (
    ONEDNN
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise")  # PyTorch's own, not for users
    and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
)
_ROOT = 0.5**0.5
_KERNELS = (
    (1, 0, 0),
    (-2 / 3, -2 / 3 * _ROOT, -1 / 3),
    (-2 / 3, 2 / 3 * _ROOT, -1 / 3),
    (1 / 6, 1 / 3 * _ROOT, 1 / 3),
    (1 / 6, -1 / 3 * _ROOT, 1 / 3),
    (0, 0, 1),
)
"""The transform of kernels by the points 0, +-sqrt(1/2), +-sqrt(2) and infinity, which rounds less
than by the usual +-1 and +-2. Those of maps and products are written as sums below."""


def prepared_bytes(networks: nn.Module) -> int:
    """Return the memory that the kernels of frozen networks in fp32 may take on a CPU."""
    wide = [
        weight
        for weight in networks.parameters()
        if weight.ndim == 4 and weight.device.type == "cpu" and _is_wide(weight)
    ]
    # twice the weights; folding the kernels of an upsampling adds almost half
    return sum((2 if weight.shape[2] == 3 else 3) * weight.nbytes for weight in wide)


def is_winograd(x: Tensor, weight: Tensor) -> bool:
    """Return whether :func:`winograd_conv` is allowed, and faster than PyTorch.

    Args:
        x: Feature maps (N, I, H, W).
        weight: Kernels (O, I, 3, 3) of a convolution of stride 1 without groups or dilation, or
            (O, I, 5, 5) of a doubled input, which are folded to (4 O, I, 3, 3).
    """
    if not (_AVAILABLE and is_frozen(weight)):
        return False
    if type(x) is not Tensor:  # but one without values, which oneDNN cannot reorder
        return False
    if x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return False
    wide = _is_wide(weight) and x.shape[3] >= _SIDE
    return wide and x.dtype == weight.dtype == torch.float32


def _is_wide(weight: Tensor) -> bool:
    outputs, inputs, rows, _ = weight.shape
    return min(4 * outputs if rows == 5 else outputs, inputs) >= _WIDE


def winograd_conv(x: Tensor, kernels: Tensor, bias: Tensor | None) -> Tensor:
    """Compute ``conv2d(x, weight, bias)`` with kernels of 3 x 3.

    Args:
        x: Feature maps (N, I, H + 2, W + 2), padded.
        kernels: What :func:`transformed` returns for the weight (O, I, 3, 3).
        bias: (O,) or None.

    Returns:
        Feature maps (N, O, H, W) in channels-last memory.
    """
    n, _, height, width = x.shape
    height, width = height - 2, width - 2
    across = -(-width // 4)
    maps = F.pad(x, (0, 4 * across - width)) if width % 4 else x
    maps = maps.permute(0, 2, 3, 1).contiguous()
    y = x.new_empty(n, height, across, 4, kernels.shape[0] // 6)
    step = max(1, _TILES // across)
    for sample, out in zip(maps, y, strict=True):
        for first in range(0, height, step):
            rows = out[first : first + step]
            _convolve_rows(sample[first : first + len(rows) + 2], kernels, rows)
    if bias is not None:
        y += bias
    return y.view(n, height, 4 * across, -1).permute(0, 3, 1, 2)[..., :width]


def _convolve_rows(rows: Tensor, kernels: Tensor, out: Tensor) -> None:
    """Convolve rows (h + 2, 4 w + 2, I) of maps into tiles (h, w, 4, O)."""
    height, across, _, outputs = out.shape
    end = 4 * across - 3
    tiles = rows.new_empty(len(rows), across, 6, rows.shape[2])
    _to_tiles([rows[:, i : i + end : 4] for i in range(6)], tiles.unbind(2))
    products = torch.ops.mkldnn._convolution_pointwise(
        tiles.flatten(2)[None].permute(0, 3, 1, 2), kernels, None, [0, 0], [1, 1], [1, 1], 6,
        "none", [], "",
    )  # fmt: skip
    products = products.permute(0, 2, 3, 1).view(height, across, 6, outputs)
    _from_tiles(products.unbind(2), out.unbind(2))


def _to_tiles(pixels: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Multiply the six pixels of tiles by the transform of maps."""
    a, b, c, d, e, f = pixels
    for i, point, other in ((1, _ROOT, 2.0), (3, 2 * _ROOT, 0.5)):
        even, odd = torch.sub(e, c, alpha=other), torch.sub(d, b, alpha=other)
        torch.add(even, odd, alpha=point, out=out[i])
        torch.sub(even, odd, alpha=point, out=out[i + 1])
    torch.sub(a, c, alpha=2.5, out=out[0])
    out[0].add_(e)
    torch.sub(b, d, alpha=2.5, out=out[5])
    out[5].add_(f)


def _from_tiles(values: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Multiply six values by the transform to the four pixels of tiles."""
    a, b, c, d, e, f = values
    low, high = b + c, d + e
    torch.add(low, high, out=out[0])
    out[0].add_(a)
    torch.add(low.mul_(0.5), high, alpha=2, out=out[2])
    low, high = torch.sub(b, c, out=low).mul_(_ROOT), torch.sub(d, e, out=high).mul_(_ROOT)
    torch.add(low, high, alpha=2, out=out[1])
    torch.add(f, low, alpha=0.5, out=out[3])
    out[3].add_(high, alpha=4)


def transformed(weight: Tensor) -> Tensor:
    """Return the kernels (6 O, I, 3, 1) of a weight (O, I, 3, 3), in the memory order of oneDNN."""
    transform = torch.tensor(_KERNELS, dtype=torch.float64)
    tiles = torch.einsum("ib,ocab->ioca", transform, weight.double()).float()
    kernels: Tensor = torch._C._nn.mkldnn_reorder_conv2d_weight(
        tiles.flatten(0, 1)[..., None].contiguous().to_mkldnn(), [0, 0], [1, 1], [1, 1], 6
    )
    return kernels
