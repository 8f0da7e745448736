"""Values computed once from frozen weights for translation, kept as long as the weights live."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from crossimage.networks.layers.plain import is_plain


class _Prepared(NamedTuple):
    source: Tensor  # shares the weight's memory, so that no other weight can take its place
    version: int
    value: Tensor


_kept: MutableMapping[Tensor, dict[object, _Prepared]] = WeakTensorKeyDictionary()
"""By weight, as long as it lives: what was made from it, by what made it."""


def is_frozen(weight: Tensor) -> bool:
    """Return whether a weight on a CPU takes no part in training, now or later."""
    if is_plain() or torch.compiler.is_compiling() or torch.is_grad_enabled():
        return False
    return weight.device.type == "cpu" and not (weight.requires_grad or weight.is_inference())


def prepared(weight: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what a function makes from a frozen weight, made anew if the weight has changed.

    Args:
        weight: The weight.
        make: The function, which depends on nothing else; always the same object.
    """
    made = _kept.setdefault(weight, {})
    found = made.get(make)
    if (
        found is None
        or found.version != weight._version
        or found.source.data_ptr() != weight.data_ptr()
    ):
        found = made[make] = _Prepared(weight.detach(), weight._version, make(weight))
    return found.value
