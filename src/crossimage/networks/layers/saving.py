"""Less memory from a convolution's forward pass to its backward pass, on CPUs.

Autograd keeps the padded maps beside the unpadded ones, and under autocast a copy of the weight in
half precision. Both are computed again when the backward pass needs them, which takes a fraction of
the time of the convolution. Values are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

_LARGE = 2**20
"""Maps and weights of fewer values together cost more time than their memory is worth."""


class _Recipe(NamedTuple):
    """How to compute a tensor again."""

    source: Tensor
    version: int
    make: Callable[[Tensor], Tensor]


def recomputing(
    x: Tensor, maps: Tensor, pad: Callable[[Tensor], Tensor], weight: Tensor
) -> AbstractContextManager[object]:
    """Return a context for a convolution that keeps what its operands were computed from.

    Args:
        x: Feature maps before padding, which must not be changed in place before the backward pass.
        maps: The padded maps that are convolved; ``x`` itself if there is no padding.
        pad: The function that computes them.
        weight: The kernels, before any cast.
    """
    if x.device.type != "cpu" or not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return nullcontext()
    if x.numel() + weight.numel() < _LARGE or maps.shape == weight.shape:
        return nullcontext()
    source = x.detach()
    padded = None if maps is x else (maps.data_ptr(), maps.shape)  # autograd keeps the function

    def pack(kept: Tensor) -> Tensor | _Recipe:
        if padded == (kept.data_ptr(), kept.shape):
            return _Recipe(source, source._version, pad)
        if weight.is_leaf and kept.shape == weight.shape and kept.dtype != weight.dtype:
            dtype = kept.dtype
            return _Recipe(weight.detach(), weight._version, lambda values: values.to(dtype))
        return kept

    return torch.autograd.graph.saved_tensors_hooks(pack, _unpack)


def _unpack(kept: Tensor | _Recipe) -> Tensor:
    if isinstance(kept, Tensor):
        return kept
    if kept.source._version != kept.version:
        raise RuntimeError("a tensor that the backward pass needs was changed in place")
    return kept.make(kept.source)
