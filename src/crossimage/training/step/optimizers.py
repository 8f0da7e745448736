"""PyTorch's optimizers of the players."""

from __future__ import annotations

import torch
from torch import nn

from crossimage.methods.optimizers import Adam, Optimizer, RMSprop


def build_optimizer(spec: Optimizer, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimizer of a player's parameters."""
    match spec:
        case Adam(rate, betas, weight_decay):
            return torch.optim.Adam(
                parameters, rate, betas=betas, weight_decay=weight_decay, fused=True
            )
        case RMSprop(rate, alpha, weight_decay):
            return torch.optim.RMSprop(parameters, rate, alpha, weight_decay=weight_decay)


def match_memory(optimizer: torch.optim.Optimizer) -> None:
    """Give the moments the memory order of their weights, which fused Adam relies on."""
    for weight, moments in optimizer.state.items():
        for name, moment in moments.items():
            if moment.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(moment)
