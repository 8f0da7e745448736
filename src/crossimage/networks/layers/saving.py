"""Less memory from a convolution's forward pass to its backward pass, on CPUs.

Autograd keeps the padded maps beside the unpadded ones, and under autocast a copy of the weight in
half precision. Both are computed again when the backward pass needs them, which takes a fraction of
the time of the convolution. Values are the same to the last bit.

Convolutions that are computed as matrix products share one copy of their weight in half precision
(:func:`matrix_of`); the gradients of several passes are then added in half precision.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_LARGE = 2**20
"""Maps and weights of fewer values together cost more time than their memory is worth."""

_matrices: MutableMapping[Tensor, _Matrix] = WeakTensorKeyDictionary()
"""By weight: its matrix in half precision, for as long as an autograd graph needs it."""


class _Matrix(NamedTuple):
    version: int
    address: int
    value: weakref.ref[Tensor]


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


def matrix_of(weight: Tensor) -> Tensor:
    """Return a weight (O, ...) as a matrix (O, I), in the precision that products are computed in.

    All passes of an autograd graph share one copy in half precision, in which their gradients are
    then added. Autocast does likewise with the weights that it casts itself. Whoever changes the
    weights calls :func:`forget_matrices`, since fused optimizers don't count their changes.
    """
    device = weight.device.type
    if not torch.is_autocast_enabled(device) or weight.dtype != torch.float32:
        return weight.flatten(1)
    dtype = torch.get_autocast_dtype(device)
    trained = weight.is_leaf and weight.requires_grad and torch.is_grad_enabled()
    if not trained or torch.compiler.is_compiling():
        return weight.to(dtype).flatten(1)
    state = weight._version, weight.data_ptr()
    found = _matrices.get(weight)
    matrix = found.value() if found is not None and found[:2] == state else None
    if matrix is None or matrix.dtype != dtype:
        matrix = weight.to(dtype).flatten(1)
        _matrices[weight] = _Matrix(*state, weakref.ref(matrix))
    return matrix


def forget_matrices() -> None:
    """Let the passes that follow copy the weights anew."""
    _matrices.clear()
