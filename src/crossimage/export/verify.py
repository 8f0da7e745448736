"""Comparison of a graph with the networks that it was exported from."""

from __future__ import annotations

import torch

from crossimage.export.parts import Function
from crossimage.inference.exported.graph import Graph
from crossimage.methods.base import Method

TOLERANCE = 1e-4
"""Largest difference of a value, images being in [-1, 1]."""

_SIZES = ((1, (36, 52), (1, 2)), (3, (44, 32), (2, 1)), (4, (68, 44), (1, 1)))
"""Images, their least height and width in pixels, and in what sides are multiples of; none of these
sizes is that of the example."""


def largest_difference(networks: Method, function: Function, graph: Graph) -> float:
    """Return by how much values of a graph differ at most from those of the networks.

    Three numbers of images, and three sizes where the networks take any, are compared. No image is
    of one colour, which leaves nothing but rounding errors to normalise.

    Args:
        networks: The networks.
        function: What they compute.
        graph: The same as a graph.

    Raises:
        ValueError: The graph cannot be run at a size, or gives another.
    """
    largest = 0.0
    for n, size, parts in _SIZES:
        height, width = function.at_least(size, parts)
        values = function.example(n, function.size(height, width, networks.fixed_size))
        with torch.no_grad():
            expected = function.compute(**values).float()
        found = graph(values)
        if found.shape != expected.shape:
            raise ValueError(
                f"its graph gives {tuple(found.shape)} for {n} images, expected "
                f"{tuple(expected.shape)}"
            )
        difference = (found - expected).abs().max().item()
        largest = max(largest, difference) if difference == difference else float("nan")
    return largest
