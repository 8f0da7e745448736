"""The memory that translations may take, and what they take without strips."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from crossimage.inference.strips.layers import in_place, reach_of
from crossimage.inference.strips.trace import Traced
from crossimage.utils.memory import free_memory, read_size, resident

_SHARE = 0.8
"""Share of free memory that is used: other programs also need some."""
_ALIASES = (
    "expand", "contiguous", "detach", "float", "repeat_interleave", "to",
)  # fmt: skip
"""Methods that mostly return the memory of their input."""


class Budget:
    """The memory that translations on a device may take.

    Args:
        memory: An amount such as ``2GB``: of this process on the CPU, of its tensors on a GPU;
            ``auto``: what is free.
        device: Where translations are computed.

    Attributes:
        limit: The amount in bytes; None for ``auto``.

    Raises:
        ValueError: It is not an amount of memory.
    """

    def __init__(self, memory: str, device: torch.device) -> None:
        self.limit, self._device = read_size(memory), device

    def available(self) -> int | None:
        """Return the bytes that a translation may take now; None if that is unknown."""
        used, free = self._used(), self._free()
        own = None if self.limit is None else max(0, self.limit - used)
        if free is None:
            return own
        free = int(free * _SHARE)
        return free if own is None else min(own, free)

    def needed(self, extra: int) -> int:
        """Return the limit with which a translation may take a number of bytes more than now."""
        return self._used() + extra

    def _used(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.memory_allocated(self._device)
        return resident() if self._device.type == "cpu" else 0

    def _free(self) -> int | None:
        if self._device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self._device)
            reserved = torch.cuda.memory_reserved(self._device)
            return free + reserved - torch.cuda.memory_allocated(self._device)
        return free_memory() if self._device.type == "cpu" else None


def untiled_bytes(traced: Traced) -> int:
    """Return the bytes that a traced translation takes at most if it runs as a whole.

    That is the most that is alive at once: a layer's input, its output and what it needs besides,
    and all maps that later layers still need.
    """
    owners: dict[fx.Node, fx.Node] = {}
    last: dict[fx.Node, int] = {}
    nodes = list(traced.graph.nodes)
    for i, node in enumerate(nodes):
        owners[node] = _owner(traced, node, owners)
        for argument in node.all_input_nodes:
            last[owners[argument]] = i
    alive, most = 0, 0
    sizes: dict[fx.Node, int] = {}
    for i, node in enumerate(nodes):
        if owners[node] is node and node.op not in ("get_attr", "output"):
            sizes[node] = _size(node)
            alive += sizes[node]
        most = max(most, alive + _workspace(traced, node))
        for owner in [n for n, end in last.items() if end == i and n.op != "placeholder"]:
            alive -= sizes.pop(owner, 0)
    return most


def _owner(traced: Traced, node: fx.Node, owners: dict[fx.Node, fx.Node]) -> fx.Node:
    """Return the node whose memory a node's value uses."""
    inputs = node.all_input_nodes
    if not inputs:
        return node
    operation: Any = node.target
    if node.op == "call_module":
        operation = traced.method.get_submodule(str(operation))
        shares = in_place(operation) or type(operation).__name__ in ("Identity", "Dropout")
    elif node.op == "call_method":
        shares = operation in _ALIASES
    else:
        shares = getattr(operation, "__name__", "") == "getitem"
    return owners[inputs[0]] if shares else node


def _size(node: fx.Node) -> int:
    value = node.meta.get("val")
    return value.numel() * value.dtype.itemsize if isinstance(value, Tensor) else 0


def _workspace(traced: Traced, node: fx.Node) -> int:
    """Return the bytes that a layer needs besides its input and output."""
    if node.op not in ("call_module", "call_function") or not node.args:
        return 0
    operation: Any = node.target
    if node.op == "call_module":
        operation = traced.method.get_submodule(str(operation))
    values = [a.meta["val"] if isinstance(a, fx.Node) else a for a in node.args]
    reach = reach_of(operation, tuple(values), dict(node.kwargs))
    if reach is None:
        return 0
    return reach.copies[0] * _size(node.all_input_nodes[0]) + reach.copies[1] * _size(node)
