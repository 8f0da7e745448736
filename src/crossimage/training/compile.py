"""Networks compiled by PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import nn


def networks_of(player: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules within a player that are called as a whole."""
    if type(player).forward is not nn.Module.forward:
        yield player
    else:
        for part in player.children():
            yield from networks_of(part)


def compile_networks(player: nn.Module) -> None:
    """Have a player's networks compiled when they are called next; their weights keep their names.

    Training has one shape of images, and so code is made for it alone.
    """
    import torch._dynamo  # takes a second, which others need not wait

    # all modules are called through one function of PyTorch's, whose versions it counts
    torch._dynamo.config.recompile_limit = torch._dynamo.config.accumulated_recompile_limit = 1024
    for network in networks_of(player):
        network.compile(dynamic=False)


def undo(player: nn.Module) -> None:
    """Let a player's networks compute as they did before."""
    for network in networks_of(player):
        network._compiled_call_impl = None


def uncompiled() -> AbstractContextManager[None]:
    """A context in which nothing is compiled, nor runs in compiled form."""
    stance: AbstractContextManager[None] = torch.compiler.set_stance("force_eager")
    return stance
