"""Whole images whose norms use given statistics, or those of all images together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from crossimage.inference.strips.layers import is_norm, is_other_norm
from crossimage.inference.strips.norms import ChannelMoments, ChannelStatistics, affine_of, scaled
from crossimage.inference.strips.statistics import FixedStatistics, NormStatistics
from crossimage.inference.strips.trace import Size, Traced, Untraceable, trace
from crossimage.methods.base import Method
from crossimage.utils.seeds import OwnRandomNumbers


class WholeImages:
    """Translates whole images of one target, style and seed in lock step.

    Every layer is computed for all images, one by one, before the next layer, so that a norm can
    use the statistics of all images.

    Args:
        method: The networks, in evaluation mode.
        device: Where they compute.
        statistics: The target, the style and the seed, and what norms normalise by.
        norms: What norms normalise by instead.
        bf16: Whether to compute with autocast.

    Attributes:
        statistics: As given.
    """

    def __init__(
        self,
        method: Method,
        device: torch.device,
        statistics: FixedStatistics,
        norms: NormStatistics | None = None,
        *,
        bf16: bool,
    ) -> None:
        self._method, self._device, self._bf16 = method, device, bf16
        self.statistics, self._norms = statistics, norms or statistics
        self._traces: dict[Size, tuple[Traced, Mapping[torch.device, Tensor]]] = {}

    def translate(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Translate images (1, C, H, W) of one size, which the networks take, on their device.

        Every image sees the same random numbers.

        Raises:
            Untraceable: The method does not translate by a fixed sequence of layers.
        """
        _, c, h, w = images[0].shape
        traced, states = self._traced((1, c, h, w))
        with OwnRandomNumbers(self.statistics.seed) as random:
            random.restore(states)
            return _LockStep(traced, self._norms, random).translate(images)

    def _traced(self, size: Size) -> tuple[Traced, Mapping[torch.device, Tensor]]:
        """Return the trace for a size, and the state of the random numbers after it."""
        if size not in self._traces:
            fixed, device = self.statistics, self._device
            target = fixed.target if isinstance(fixed.target, str) else fixed.target.to(device)
            style = None if fixed.style is None else fixed.style.to(device)
            with OwnRandomNumbers(fixed.seed) as random:
                traced = trace(self._method, size, target, style, device=device, bf16=self._bf16)
                self._traces[size] = traced, random.states()
        return self._traces[size]


class _Values(tuple[Any, ...]):
    """The values of a node for all images."""


class _LockStep(fx.Interpreter):
    """Runs a graph on several images, node by node."""

    def __init__(self, traced: Traced, norms: NormStatistics, random: OwnRandomNumbers) -> None:
        super().__init__(traced.method, graph=traced.graph)
        self.extra_traceback = False
        self._traced, self._norms, self._random = traced, norms, random
        self._count = 0

    def translate(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the translations of images."""
        self._count = len(images)
        kind = images[0].device.type
        with torch.no_grad(), torch.autocast(kind, torch.bfloat16, enabled=self._traced.bf16):
            return list(self.run(_Values(images)))

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Return a constant of the trace."""
        return self._traced.constants[target]

    def run_node(self, n: fx.Node) -> Any:
        """Run a node for all images."""
        if n.op in ("placeholder", "get_attr", "output"):
            return super().run_node(n)
        operation: Any = self.fetch_attr(str(n.target)) if n.op == "call_module" else n.target
        if n.op != "call_method" and is_other_norm(operation):
            name = getattr(operation, "__name__", type(operation).__name__)
            raise Untraceable(f"the statistics of {name} can't be fixed")
        arguments = [self._arguments(n, index) for index in range(self._count)]
        if n.op != "call_method" and is_norm(operation):
            return self._norm(n.name, operation, arguments)
        states, values = self._random.states(), []
        for args, kwargs in arguments:
            if states != {}:
                self._random.restore(states)
            values.append(getattr(self, n.op)(n.target, args, kwargs))
        return _Values(values)

    def _arguments(self, n: fx.Node, index: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a node's arguments for one image."""

        def value(argument: Any) -> Any:
            if not isinstance(argument, fx.Node):
                return argument
            found = self.env[argument]
            return found[index] if isinstance(found, _Values) else found

        arguments: Any = map_aggregate((n.args, n.kwargs), value)
        return arguments

    def _norm(
        self, name: str, operation: Any, arguments: list[tuple[tuple[Any, ...], dict[str, Any]]]
    ) -> _Values:
        images = [args[0] for args, _ in arguments]
        statistics = self._norms.known(name)
        if statistics is None:
            statistics = self._norms.measured(name, measured_of(images))
        values = []
        for image, (args, kwargs) in zip(images, arguments, strict=True):
            scale, shift = (
                part.float().to(image.device).expand(image.shape[:2])
                for part in affine_of(operation, args[1:], kwargs, statistics)
            )
            values.append(scaled(image, scale, shift))
        return _Values(values)


def measured_of(images: Sequence[Tensor]) -> ChannelStatistics:
    """Return the statistics (N, C) of N maps (1, C, H, W)."""
    each = []
    for image in images:
        moments = ChannelMoments()
        moments.add(image.contiguous())  # whose sums do not depend on the number of threads
        each.append(moments.statistics)
    return ChannelStatistics(
        torch.cat([one.mean for one in each]), torch.cat([one.variance for one in each]),
        each[0].pixels,
    )  # fmt: skip
