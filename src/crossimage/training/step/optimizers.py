"""PyTorch's optimizers of the players."""

from __future__ import annotations

import torch
from torch import nn

from crossimage.methods.optimizers import Adam, Optimizer, RMSprop
from crossimage.training.processes.no_compiler import free_methods, plain_step

free_methods(torch.optim.Optimizer)


class PlainAdam(torch.optim.Adam):
    """Adam that does not load PyTorch's compiler."""

    step = plain_step(torch.optim.Adam)


class PlainRMSprop(torch.optim.RMSprop):
    """RMSprop that does not load PyTorch's compiler."""

    step = plain_step(torch.optim.RMSprop)


def build_optimizer(spec: Optimizer, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimizer of a player's parameters."""
    match spec:
        case Adam(rate, betas, weight_decay):
            return PlainAdam(parameters, rate, betas=betas, weight_decay=weight_decay, fused=True)
        case RMSprop(rate, alpha, weight_decay):
            return PlainRMSprop(parameters, rate, alpha, weight_decay=weight_decay)


_MOMENTS = ({"step", "exp_avg", "exp_avg_sq"}, {"step", "square_avg"})  # of Adam and RMSprop


def match_memory(optimizer: torch.optim.Optimizer) -> None:
    """Give the moments the memory order of their weights, which fused Adam relies on.

    Raises:
        ValueError: They are not the moments of these weights.
    """
    for weight, moments in optimizer.state.items():
        if moments.keys() not in _MOMENTS:
            raise ValueError(f"an optimizer has the moments {', '.join(moments)}")
        for name, moment in moments.items():
            if moment.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(moment)
            elif name != "step":
                raise ValueError(f"{name} has the shape {list(moment.shape)}")
