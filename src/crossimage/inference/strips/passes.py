"""Passes over the image: the graph is run on maps whose rows are computed when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from crossimage.inference.strips.layers import (
    drops,
    in_place,
    is_column_softmax,
    is_norm,
    is_pointwise,
    reach_of,
)
from crossimage.inference.strips.maps import Constant, Local, Maps, Pointwise
from crossimage.inference.strips.norms import ChannelMoments, ColumnSoftmax, affine_of, scaled
from crossimage.inference.strips.stash import Stash
from crossimage.inference.strips.statistics import OWN, NormStatistics
from crossimage.inference.strips.trace import Traced, Untraceable

_STASHED, _STASHED_IF_COSTLY, _COSTLY = 16, 32, 2000
"""Maps before a norm are kept up to this many values per pixel of the image; up to the second
number if one of their values takes more multiplications than the third."""


class Scanner(Protocol):
    """Carries out passes, or plans them."""

    device: torch.device

    def scan(
        self, source: Maps, visit: Callable[[Tensor], None] | None, stash: bool
    ) -> Stash | None:
        """Read all rows of maps once.

        Args:
            source: The maps.
            visit: Called with each strip; it may not keep it.
            stash: Whether to keep the rows.

        Returns:
            The kept maps, if wanted.
        """


class Passes(fx.Interpreter):
    """Runs a traced translation on lazy maps.

    Args:
        traced: The translation.
        scanner: What carries out the passes.
        planning: Whether the passes are only planned, without statistics.
        statistics: What norms normalise by.
    """

    def __init__(
        self,
        traced: Traced,
        scanner: Scanner,
        *,
        planning: bool,
        statistics: NormStatistics = OWN,
    ) -> None:
        super().__init__(traced.method, graph=traced.graph)
        self.extra_traceback = False  # errors of files are for users
        self._traced, self._scanner, self._planning = traced, scanner, planning
        self._statistics, self._pixels = statistics, 1

    def maps_of(self, image: Maps) -> Maps:
        """Return the translation of an image, as maps to read."""
        n, _, h, w = image.shape
        self._pixels = n * h * w
        with torch.no_grad(), self._autocast():
            result = self.run(image)
        assert isinstance(result, Maps)
        return result

    @contextmanager
    def _autocast(self) -> Iterator[None]:
        kind = self._scanner.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=self._traced.bf16):
            yield

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Return a constant of the trace."""
        return self._traced.constants[target]

    def run_node(self, n: fx.Node) -> Any:
        """Run a node; a value that several nodes need is kept."""
        if n.op in ("placeholder", "get_attr", "output"):
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        value = self._lazy(n, args, kwargs)
        if len(n.users) < 2:
            return value
        self._check_overwriting(n)
        return value if isinstance(value, Stash) else self._scanner.scan(value, None, True)

    def _lazy(self, n: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Maps:
        operation: Any = n.target
        if n.op == "call_module":
            operation = self.fetch_attr(str(n.target))
        like = n.meta["val"]
        if not isinstance(like, Tensor) or like.ndim != 4:
            raise Untraceable(f"{_title(operation)} needs the whole image at once")
        if drops(operation):
            raise Untraceable(
                "its networks drop values at random (dropout), drawn for the whole image at once"
            )
        if is_norm(operation):
            return self._norm(n, operation, args, kwargs, like)
        if is_column_softmax(n.op, operation, args, kwargs):
            return self._softmax(n, args[0], like)
        if is_pointwise(n.op, operation, args, kwargs):
            return _pointwise(n, operation, args, kwargs, like)
        reach = None
        if n.op != "call_method" and args and isinstance(args[0], Maps):
            reach = reach_of(operation, args, kwargs)
        if reach is None:
            raise Untraceable(f"{_title(operation)} needs the whole image at once")
        rest = args[1:]
        return Local(args[0], lambda x: operation(x, *rest, **kwargs), reach, like)

    def _norm(
        self,
        n: fx.Node,
        operation: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        like: Tensor,
    ) -> Maps:
        source, statistics = args[0], self._statistics.known(n.name)
        if statistics is None:
            moments = ChannelMoments()
            source = self._scan(source, None if self._planning else moments.add)
            if self._planning:
                return Pointwise([source], lambda xs: xs[0], like)
            statistics = self._statistics.measured(n.name, moments.statistics)
        affine = affine_of(operation, args[1:], kwargs, statistics)
        scale, shift = (
            values.float().to(self._scanner.device).expand(like.shape[:2]) for values in affine
        )
        return Pointwise([source], lambda xs: scaled(xs[0], scale, shift), like)

    def _softmax(self, n: fx.Node, source: Maps, like: Tensor) -> Maps:
        softmax = ColumnSoftmax()
        source = self._scan(source, None if self._planning else softmax.add)
        return Pointwise([source], lambda xs: softmax.shares(xs[0]), like)

    def _scan(self, source: Maps, visit: Callable[[Tensor], None] | None) -> Maps:
        """Pass over maps once, and keep them if that is worth it."""
        per_pixel = source.size() / source.dtype.itemsize / self._pixels
        most = _STASHED_IF_COSTLY if source.work > _COSTLY else _STASHED
        stash = not isinstance(source, Stash) and per_pixel <= most
        return self._scanner.scan(source, visit, stash) or source

    def _check_overwriting(self, n: fx.Node) -> None:
        for user in n.users:
            target: Any = user.target
            operation = self.fetch_attr(target) if user.op == "call_module" else target
            if in_place(operation):
                raise Untraceable(
                    f"{_title(operation)} overwrites values that other layers also need"
                )


def _pointwise(
    n: fx.Node, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], like: Tensor
) -> Maps:
    """Return the rows of a pointwise node; maps that do not depend on the image join its inputs."""
    height = like.shape[2]
    inputs: list[Maps] = []

    def prepared(argument: Any) -> Any:
        if isinstance(argument, Tensor) and argument.ndim > 2 and argument.shape[-2] == height > 1:
            argument = Constant(argument.reshape((1,) * (4 - argument.ndim) + argument.shape))
        if isinstance(argument, Maps):
            inputs.append(argument)
            return _Slot(len(inputs) - 1)
        return argument

    template = map_aggregate((args, kwargs), prepared)
    call = _method if n.op == "call_method" else operation
    head = (n.target,) if n.op == "call_method" else ()

    def compute(pieces: list[Tensor]) -> Tensor:
        filled: Any = map_aggregate(template, partial(_filled, pieces))
        own_args, own_kwargs = filled
        result: Tensor = call(*head, *own_args, **own_kwargs)
        return result

    return Pointwise(inputs, compute, like)


class _Slot(int):
    """Index of the piece that takes this place among a node's arguments."""


def _filled(pieces: list[Tensor], argument: Any) -> Any:
    return pieces[argument] if isinstance(argument, _Slot) else argument


def _method(name: str, x: Any, *args: Any, **kwargs: Any) -> Any:
    return getattr(x, name)(*args, **kwargs)


def _title(operation: Any) -> str:
    if isinstance(operation, str):
        return operation
    return getattr(operation, "__name__", type(operation).__name__)
