"""The graph of a method's translation, with layers as its nodes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.node import map_aggregate

from crossimage.inference.strips.layers import FUNCTIONS, is_layer, keeps_shape
from crossimage.methods.base import Method

Size = tuple[int, int, int, int]

_TRACING = threading.Lock()
"""Tracing changes how all modules of the process are called, so only one thread at a time traces.

Meanwhile other threads may translate: what they call does not depend on a proxy, and is computed.
"""


class Untraceable(ValueError):
    """A translation that cannot be computed in strips; the message says why."""


class Traced:
    """A translation as a graph.

    Attributes:
        method: The networks.
        graph: Its nodes know a tensor of their value's shape and type, ``meta["val"]``, that has no
            memory.
        constants: The tensors that do not depend on the image, by the names in the graph.
        precision: Autocasts to bf16, or not.
    """

    def __init__(
        self, method: Method, graph: fx.Graph, constants: dict[str, Tensor], bf16: bool
    ) -> None:
        self.method, self.graph, self.constants, self.bf16 = method, graph, constants, bf16


def trace(
    method: Method,
    size: Size,
    target: str | Tensor,
    style: Tensor | None,
    *,
    device: torch.device,
    bf16: bool,
) -> Traced:
    """Trace the translation of images of a size, without computing it.

    Whatever depends on the style and the target alone is computed, and random numbers are drawn as
    the translation draws them.

    Args:
        method: The networks, in evaluation mode.
        size: N, C, H and W of the images, as the networks take them.
        target: The target as networks take it.
        style: Style codes (N k, style_dim).
        device: Device of the images.
        bf16: Whether to compute with autocast.

    Raises:
        Untraceable: What the method does depends on values of the image.
    """
    tracer = _Tracer(method, size, target, style, device)
    try:
        with (
            _TRACING,
            torch.no_grad(),
            torch.autocast(device.type, torch.bfloat16, enabled=bf16),
        ):
            graph = tracer.trace(method)
    except (fx.proxy.TraceError, TypeError, RuntimeError, NotImplementedError, KeyError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise Untraceable(
            f"its networks do not translate by a fixed sequence of layers ({reason})"
        ) from error
    return Traced(method, graph, tracer.constants, bf16)


class _Sized(fx.Proxy):
    """A value in the graph whose shape and type are known."""

    @property
    def _like(self) -> Tensor:
        value: Tensor = self.node.meta["val"]
        return value

    shape = property(lambda self: self._like.shape)
    ndim = property(lambda self: self._like.ndim)
    dtype = property(lambda self: self._like.dtype)
    device = property(lambda self: self._like.device)

    def __len__(self) -> int:
        return len(self._like)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        return self.shape.numel()


class _Tracer(fx.Tracer):
    """Traces ``translate`` with our layers as leaves."""

    traced_func_name = "translate"

    def __init__(
        self,
        method: Method,
        size: Size,
        target: str | Tensor,
        style: Tensor | None,
        device: torch.device,
    ) -> None:
        super().__init__(autowrap_functions=FUNCTIONS)
        self.constants: dict[str, Tensor] = {}
        self._given, self._method = (target, style), method
        self._fake = FakeTensorMode(allow_non_fake_inputs=True)
        with self._fake:
            self._image = torch.empty(size, device=device)

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: Any = None
    ) -> tuple[Any, list[Any]]:
        """Return the function, and the arguments with a placeholder for the image."""
        x = self.create_proxy("placeholder", "x", (), {})
        return root_fn, [self.root, x, *self._given]

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether a module is one node of the graph."""
        return is_layer(m)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Record a layer; compute what does not depend on the image."""
        if not _has_proxy((args, kwargs)):
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: Any) -> Any:
        """Return parameters as they are, since they do not depend on the image."""
        return attr_val

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """Return a proxy that knows its shape."""
        return _Sized(node, self)

    def create_arg(self, a: Any) -> Any:
        """Keep tensors beside the graph."""
        if isinstance(a, Tensor):
            name = next((n for n, tensor in self.constants.items() if tensor is a), None)
            if name is None:
                name = f"constant_{len(self.constants)}"
                self.constants[name] = a
            node = self.create_node("get_attr", name, (), {})
            node.meta["val"] = a
            return node
        return super().create_arg(a)

    def create_proxy(
        self,
        kind: str,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *rest: Any,
        **named: Any,
    ) -> fx.Proxy:
        """Record a node with its shape and type."""
        proxy = super().create_proxy(kind, target, args, kwargs, *rest, **named)
        if kind == "placeholder":
            proxy.node.meta["val"] = self._image
        else:
            proxy.node.meta["val"] = self._evaluate(kind, target, proxy.node)
        return proxy

    def _evaluate(self, kind: str, target: Any, node: fx.Node) -> Any:
        values: Any = map_aggregate((node.args, node.kwargs), _value_of)
        args, kwargs = values
        operation = self._method.get_submodule(target) if kind == "call_module" else target
        with self._fake:
            if keeps_shape(operation):  # norms, some of which look at values
                return torch.empty_like(args[0])
            if kind == "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
            return operation(*args, **kwargs)


def _value_of(argument: Any) -> Any:
    return argument.meta["val"] if isinstance(argument, fx.Node) else argument


def _has_proxy(arguments: Any) -> bool:
    found = []
    map_aggregate(arguments, lambda a: found.append(a) if isinstance(a, fx.Proxy) else None)
    return bool(found)


if hasattr(os, "register_at_fork"):  # a forked process must not find it locked for ever
    os.register_at_fork(
        before=_TRACING.acquire,
        after_in_parent=_TRACING.release,
        after_in_child=_TRACING.release,
    )
