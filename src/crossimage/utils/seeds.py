"""Seeds derived from their purpose, and random numbers that disturb nobody else's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


def seed_of(*parts: int | str) -> int:
    """Derive a well-mixed seed below 2^63 from numbers and words, the same on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


IN_PLACE = frozenset(
    getattr(Tensor, name)
    for name in (
        "normal_", "uniform_", "bernoulli_", "random_", "exponential_", "log_normal_", "cauchy_",
        "geometric_",
    )
)  # fmt: skip
"""Methods that fill a tensor with random numbers."""

INITIALISERS = frozenset(
    getattr(nn.init, name)
    for name in (
        "uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_",
        "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_",
    )
)  # fmt: skip
"""Functions that fill a tensor with random numbers."""

_NEW = frozenset((torch.randn, torch.rand, torch.randint, torch.randperm))
_OF_TENSOR = frozenset((torch.bernoulli, torch.normal, torch.multinomial))


class OwnRandomNumbers(TorchFunctionMode):
    """A context in which PyTorch draws from generators of its own, in this thread only.

    PyTorch's global generators belong to the caller and to all threads: seeding and restoring them
    would change what others draw in between. The numbers are those that the global generators
    would give after ``torch.manual_seed(seed)``.

    Args:
        seed: The seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch, with a generator if it draws random numbers."""
        given = dict(kwargs or {})
        if func is F.dropout or func is torch.dropout:
            return self._dropout(*args, **given)
        if func in (torch.randn_like, torch.rand_like):
            empty = torch.empty_like(*args, **given)
            draw = empty.normal_ if func is torch.randn_like else empty.uniform_
            return draw(generator=self._generator(empty.device))
        if given.get("generator") is None:
            if func in _NEW:
                device = given.get("device") or torch.get_default_device()
                given["generator"] = self._generator(torch.device(device))
            elif func in IN_PLACE or func in INITIALISERS or func in _OF_TENSOR:
                (tensor,) = [x for x in (*args, *given.values()) if isinstance(x, Tensor)][:1]
                given["generator"] = self._generator(tensor.device)
        return func(*args, **given)

    def states(self) -> dict[torch.device, Tensor]:
        """Return the states of the generators."""
        return {device: generator.get_state() for device, generator in self._generators.items()}

    def restore(self, states: Mapping[torch.device, Tensor]) -> None:
        """Return to earlier states."""
        self._generators = {}
        for device, state in states.items():
            self._generator(device).set_state(state)

    def _dropout(
        self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not training or p == 0:
            return input
        kept = torch.empty_like(input).bernoulli_(1 - p, generator=self._generator(input.device))
        kept = kept.div_(1 - p) if p < 1 else kept
        return input.mul_(kept) if inplace else input * kept

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            where = "cpu" if device.type == "meta" else device
            self._generators[device] = torch.Generator(where).manual_seed(self._seed)
        return self._generators[device]


def fresh_seed() -> int:
    """Draw a seed from PyTorch's global generator; forked processes draw different ones.

    A forked process inherits the state of the generator. Without a word to tell them apart, all
    workers that a program forks would translate with the same "random" styles.
    """
    drawn = int(torch.randint(2**62, ()))
    return drawn if _process is None else seed_of(drawn, _process)


_process: str | None = None  # what tells a forked process apart


def _name_process() -> None:
    global _process
    _process = os.urandom(16).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_name_process)
