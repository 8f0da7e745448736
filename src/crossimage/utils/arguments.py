"""Checked arguments: devices, integers and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import index
from typing import SupportsIndex

import torch


def find_device(name: str | torch.device) -> torch.device:
    """A device that can be used; ``auto`` is the GPU where there is one.

    Raises:
        ValueError: It can't be used.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device '{name}' cannot be used ({reason}); try auto or cpu") from None
    return device


def whole(value: SupportsIndex, name: str, least: int | None = None) -> int:
    """An integer of any type as Python's own.

    Raises:
        ValueError: It is no integer, or below ``least``.
    """
    try:
        number = index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, found {value!r}") from None
    if least is not None and number < least:
        raise ValueError(f"{name} must be at least {least}, found {number}")
    return number


def seeded(seed: SupportsIndex) -> torch.Generator:
    """A generator that draws on the CPU, so that a seed means the same on every device.

    Raises:
        ValueError: The seed is no integer or needs more than 64 bits.
    """
    return torch.Generator().manual_seed(_seed(seed))


@contextmanager
def forked(seed: SupportsIndex, device: torch.device) -> Iterator[None]:
    """Seeds PyTorch's global generators, and leaves them as they were.

    Raises:
        ValueError: The seed is no integer or needs more than 64 bits.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(_seed(seed))
        yield


def _seed(seed: SupportsIndex) -> int:
    number = whole(seed, "seed")
    if not -(2**63) <= number < 2**64:
        raise ValueError(f"seed must have at most 64 bits, found {number}")
    return number
