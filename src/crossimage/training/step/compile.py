"""Compilation of networks by PyTorch, for ``compile=true``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import nn

from crossimage.methods.base import Method
from crossimage.training.listener import Listener
from crossimage.training.processes.communication import Processes
from crossimage.training.step.skipping import Snapshot

Gradients = Callable[[], Iterator[tuple[str, ...]]]
"""Computes the gradients of a step, move by move, and yields the players of each."""


def compile_players(
    method: Method,
    waiting: set[str],
    gradients: Gradients,
    processes: Processes,
    listener: Listener,
) -> None:
    """Compile the networks of a step's players, one player after the other.

    After each one the step is rehearsed: PyTorch compiles code on its first call, and some
    compiled code fails only when it runs. Players for which that fails remain uncompiled. Players
    that do not move in this step, since their stage has not begun, keep waiting.

    Args:
        method: The method whose players these are.
        waiting: Names of the players that are not compiled yet; those that are tried are removed.
        gradients: Computes the gradients of the step.
        processes: The run's processes: a player is compiled on all of them or on none.
        listener: Receives which players are compiled, which are not, and why.
    """
    players = method.players()
    moving, _ = _rehearse(method, gradients)
    for name in [name for name in players if name in moving & waiting]:
        listener.say(f"compiling the {name} ...")
        _, problem = _rehearse(method, gradients, players[name])
        if processes.agree(problem is not None):
            undo(players[name])
            problem = problem or "another process could not do it"
            listener.warn(f"the {name} are not compiled: {problem}")
        waiting.remove(name)


def _rehearse(
    method: Method, gradients: Gradients, to_compile: nn.Module | None = None
) -> tuple[set[str], str | None]:
    """Compute the gradients of a step and discard them.

    Args:
        method: The method, whose buffers are restored.
        gradients: Computes the gradients.
        to_compile: Networks to compile first.

    Returns:
        The players that moved, and what went wrong, if anything.
    """
    before = Snapshot(method)
    moving: set[str] = set()
    problem = None
    try:
        if to_compile is not None:
            compile_networks(to_compile)
        for players in gradients():
            moving.update(players)
            method.zero_grad(set_to_none=True)
    except Exception as error:  # compilers, and the code they make, raise errors of all kinds
        reason, *_ = str(error).strip().splitlines() or [""]
        problem = f"{type(error).__name__}: {reason}"
    method.zero_grad(set_to_none=True)
    before.restore()
    return moving, problem


def networks_of(player: nn.Module) -> Iterator[nn.Module]:
    """Yield the outermost modules within a player that are called as a whole."""
    if type(player).forward is not nn.Module.forward:
        yield player
    else:
        for part in player.children():
            yield from networks_of(part)


def compile_networks(player: nn.Module) -> None:
    """Make PyTorch compile a player's networks on their next call; weights keep their names.

    Training has images of one shape, so code is generated for that shape only.
    """
    import torch._dynamo  # takes a second that other runs need not wait for

    # all modules are called through one function of PyTorch's, whose versions it counts
    torch._dynamo.config.recompile_limit = torch._dynamo.config.accumulated_recompile_limit = 1024
    for network in networks_of(player):
        network.compile(dynamic=False)


def undo(player: nn.Module) -> None:
    """Make a player's networks run uncompiled again."""
    for network in networks_of(player):
        network._compiled_call_impl = None


def uncompiled() -> AbstractContextManager[None]:
    """Return a context in which nothing is compiled and compiled networks run uncompiled."""
    return torch.compiler.set_stance("force_eager")
