"""Choice of the convolutions that stay in fp32, where int8 costs the most quality."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from crossimage.inference.exported.graph import Graph

if TYPE_CHECKING:
    from onnx import ModelProto

WANTED_PSNR = 37.0
"""Decibels on the calibration images for which convolutions stay in fp32; on others it is less."""
_MOST = 3  # one of so many convolutions at most


def costly_convolutions(
    exact: ModelProto, fast: ModelProto, inputs: Sequence[Mapping[str, Tensor]]
) -> list[str]:
    """Return the names of the convolutions that stay in fp32 for a PSNR of 37 dB.

    They are those whose return to fp32, alone, raises the PSNR most, as few as suffice, and at most
    a third of all.

    Args:
        exact: The graph in fp32, whose nodes have names.
        fast: The same graph in int8.
        inputs: What the PSNR is measured on.
    """
    expected = [_graph(exact)(given) for given in inputs]

    def psnr_with(names: Sequence[str]) -> float:
        graph = _graph(_mixed(exact, fast, names))
        return psnr((graph(given), y) for given, y in zip(inputs, expected, strict=True))

    if psnr_with(()) >= WANTED_PSNR:
        return []
    made = {node.output[0]: node.op_type for node in fast.graph.node}
    convolutions = [
        node.name
        for node in fast.graph.node
        if node.op_type == "Conv" and made.get(node.input[1]) == "DequantizeLinear"
    ]
    alone = {name: psnr_with([name]) for name in convolutions}
    costly = sorted(alone, key=lambda name: -alone[name])[: len(alone) // _MOST]
    for count in range(1, len(costly)):
        if psnr_with(costly[:count]) >= WANTED_PSNR:
            return costly[:count]
    return costly


def psnr(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Return the PSNR of translations against others, in dB, over all values in [-1, 1]."""
    squares, values = 0.0, 0
    for one, other in pairs:
        error = (one.clamp(-1, 1) - other.clamp(-1, 1)).double().square()
        squares, values = squares + error.sum().item(), values + error.numel()
    return 10 * math.log10(4 / max(squares / values, 1e-12))


def _graph(model: ModelProto) -> Graph:
    return Graph(model.SerializeToString(), "the graph to quantise")


def _mixed(exact: ModelProto, fast: ModelProto, names: Sequence[str]) -> ModelProto:
    """Return the graph in int8, with some convolutions between values that are not rounded."""
    own = {node.name: node for node in exact.graph.node if node.name in names}
    results = {node.output[0] for node in own.values()}
    mixed = type(fast)()
    mixed.CopyFrom(fast)
    rounded = {
        node.output[0]: node.input[0]
        for node in mixed.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] in results
    }
    unrounded = {
        node.output[0]: rounded[node.input[0]]
        for node in mixed.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded
    }
    for node in mixed.graph.node:
        if node.name in own:
            node.input[0] = own[node.name].input[0]
        for index, name in enumerate(node.input):
            node.input[index] = unrounded.get(name, name)
    return mixed
