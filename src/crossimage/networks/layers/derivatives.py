"""Second derivatives of layers that compute their own gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def differentiable_gradients(
    y: Tensor, inputs: Sequence[Tensor | None], needed: Sequence[bool], gradient: Tensor
) -> tuple[Tensor | None, ...]:
    """Return gradients that can be differentiated again.

    Args:
        y: The layer's output, computed from the inputs in its plain form.
        inputs: The layer's inputs.
        needed: For each input, whether its gradient is needed.
        gradient: Gradient of the output.

    Returns:
        For each input its gradient, None where it is not needed.
    """
    wanted = [x for x, need in zip(inputs, needed, strict=True) if need and x is not None]
    found = iter(torch.autograd.grad(y.to(gradient.dtype), wanted, gradient, create_graph=True))
    return tuple(next(found) if need else None for need in needed)
