"""Training without PyTorch's compiler, whose import takes more than a second.

Lightning Fabric and PyTorch's optimizers import it only to recognise what was compiled, or to keep
themselves from being compiled. ``compile=true`` loads it when it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import isfunction, unwrap
from types import ModuleType
from typing import Any

import torch

_NAME = "torch._dynamo"


@contextmanager
def unloaded() -> Iterator[None]:
    """Let modules be imported that name the class of compiled modules, without the compiler.

    They never see a module of that class: networks are compiled in place.
    """
    if _NAME in sys.modules:
        yield
        return
    stand_in = ModuleType(_NAME)
    stand_in.__dict__["OptimizedModule"] = type("OptimizedModule", (torch.nn.Module,), {})
    sys.modules[_NAME] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_NAME) is stand_in:
            del sys.modules[_NAME]


def free_methods(optimizer: type[torch.optim.Optimizer]) -> None:
    """Let the methods of an optimizer run as they are; nothing traces them, as only networks are.

    PyTorch wraps some in functions that load the compiler to exempt them from it, unless they find
    that this has been done.
    """
    for method in vars(optimizer).values():
        original = getattr(method, "__wrapped__", None)
        if isfunction(method) and original and not hasattr(original, "__dynamo_disable"):
            original.__dynamo_disable = original


def plain_step(optimizer: type[torch.optim.Optimizer]) -> Callable[..., Any]:
    """Return the step of an optimizer without the wrapper that tells the compiler of it."""
    step: Callable[..., Any] = torch.no_grad()(unwrap(optimizer.step))
    return step
