"""Outlines of networks: what they would hold, worked out before they take any memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from crossimage.utils.texts.shown import cut, first_line, shown

M = TypeVar("M", bound=nn.Module)
Shapes = Mapping[str, Sequence[int]]

_FACTOR = 4  # weights may be stored in half precision, and some networks are larger in training
_ALLOWANCE = 192 << 20  # bytes of fixed networks of training, such as VGG, which no file holds

_IN_PLACE = frozenset(
    getattr(torch.Tensor, name)
    for name in (
        "normal_", "uniform_", "bernoulli_", "random_", "exponential_", "log_normal_", "cauchy_",
        "geometric_",
    )
)  # fmt: skip
"""Methods that fill a tensor with random numbers."""

_INITIALISERS = frozenset(
    getattr(nn.init, name)
    for name in (
        "uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_",
        "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_",
    )
)  # fmt: skip
"""Functions that fill a tensor with random numbers."""


class _Unfilled(TorchFunctionMode):
    """A context in which no values are drawn for weights, which have none on the meta device.

    PyTorch would load its compiler to draw nothing, which takes longer than PyTorch itself.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch unless it fills a tensor of the meta device."""
        given = dict(kwargs or {})
        if func in _IN_PLACE or func in _INITIALISERS:
            tensor = args[0] if args else given["tensor"]
            if tensor.is_meta:
                return tensor
        return func(*args, **given)


def outline(build: Callable[[], M], source: object) -> M:
    """Build networks on the meta device, where weights have shapes and no values.

    Args:
        build: Builds them.
        source: Origin of their settings, for the error message.

    Raises:
        ValueError: Their settings describe networks that cannot exist.
    """
    try:
        with torch.device("meta"), _Unfilled():
            return build()
    except ValueError as error:
        raise ValueError(f"{source}: {cut(error, 600)}") from None
    except (ArithmeticError, MemoryError, RecursionError, RuntimeError, TypeError) as error:
        raise ValueError(
            f"{source}: its settings describe networks that cannot be built ({first_line(error)})"
        ) from None


def check_shapes(path: Path, what: str, found: Shapes, expected: Shapes) -> None:
    """Refuse tensors that do not belong to the configured networks.

    Args:
        path: Their file.
        what: The networks, for the error message: ``a munit with its config``.
        found: Shapes by name.
        expected: Shapes of the networks' tensors by name.

    Raises:
        ValueError: One is missing, superfluous or of another shape.
    """
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    others = [key for key in expected if key in found and [*found[key]] != [*expected[key]]]
    problems = []
    if missing:
        problems.append(f"{len(missing)} missing, the first '{cut(missing[0])}'")
    if extra:
        problems.append(f"{len(extra)} unexpected, the first '{cut(extra[0])}'")
    if others:
        key = others[0]
        problems.append(
            f"{len(others)} of another shape, the first '{cut(key)}' "
            f"({shown([*found[key]])}, expected {shown([*expected[key]])})"
        )
    if problems:
        raise ValueError(
            f"the weights in {path} do not fit {what}: {'; '.join(problems)}; "
            "get or write the file again"
        )


def check_size(networks: nn.Module, held: int, source: object) -> None:
    """Refuse networks that are many times as large as the weights that there are for them.

    Args:
        networks: Networks, such as an :func:`outline`.
        held: Bytes of the weights.
        source: Origin of the weights, for the error message.

    Raises:
        ValueError: They are too large. Memories of earlier images do not count.
    """
    memory: dict[str, torch.Tensor] = getattr(networks, "memory", dict)()
    left_out = {id(tensor) for tensor in memory.values()}
    tensors = {id(t): t for t in chain(networks.parameters(), networks.buffers())}
    needed = sum(t.numel() * t.element_size() for i, t in tensors.items() if i not in left_out)
    if needed > _FACTOR * held + _ALLOWANCE:
        raise ValueError(
            f"{source} describes networks of {needed:,} bytes and holds weights of {held:,}; "
            "get or write it again"
        )


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
