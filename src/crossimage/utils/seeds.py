"""Seeds and generators from them, and random numbers that leave the global generators alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from functools import cache
from typing import Any, Self, SupportsIndex

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from crossimage.utils.numbers import seed_number


def seed_of(*parts: int | str) -> int:
    """Derive a well-mixed seed below 2^63 from numbers and words, the same on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def seeded(seed: SupportsIndex) -> torch.Generator:
    """Return a generator on the CPU, so that a seed means the same on every device.

    Raises:
        ValueError: The seed is not an integer or needs more than 64 bits.
    """
    return torch.Generator().manual_seed(seed_number(seed))


_OWN: ContextVar[bool] = ContextVar("whether random numbers are of this thread", default=False)


@cache
def _is_random(operator: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in operator.tags


@cache
def _with_generator(operator: Any) -> Any:
    """Return the form of a random operator that takes a generator; None if it has none."""
    names = {argument.name for argument in operator._schema.arguments} | {"generator"}
    packet = operator.overloadpacket
    forms = [operator, *(getattr(packet, name) for name in packet.overloads())]
    for form in forms:
        if {argument.name for argument in form._schema.arguments} == names:
            return form
    return None


class OwnRandomNumbers(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context in which PyTorch draws from generators of its own, in this thread only.

    PyTorch's global generators belong to the caller and to all threads: seeding and restoring them
    would change what others draw in between. The numbers are those that the global generators
    would give after ``torch.manual_seed(seed)``. Whatever layers and functions draw is replaced
    where it is drawn, in PyTorch's operators.

    Args:
        seed: The seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}
        self._entered: list[Token[bool]] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch from loading its compiler, which takes longer than PyTorch itself."""
        return False

    def __enter__(self) -> Self:
        """Begin to draw from generators of its own."""
        super().__enter__()  # type: ignore[no-untyped-call]
        self._entered.append(_OWN.set(True))
        return self

    def __exit__(self, *error: Any) -> None:
        """Draw as before."""
        _OWN.reset(self._entered.pop())
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call an operator of PyTorch, with a generator if it draws random numbers."""
        given = dict(kwargs) if kwargs else {}
        if not _is_random(func) or given.get("generator") is not None:
            return func(*args, **given)
        tensors = [x for x in (*args, *given.values()) if isinstance(x, Tensor)]
        device = tensors[0].device if tensors else torch.device(given.get("device") or "cpu")
        if func is torch.ops.aten.native_dropout.default:  # that of GPUs
            return self._dropout(*args, **given)
        if form := _with_generator(func):
            return form(*args, **given | {"generator": self._generator(device)})
        return func(*args, **given)

    def states(self) -> dict[torch.device, Tensor]:
        """Return the states of the generators."""
        return {device: generator.get_state() for device, generator in self._generators.items()}

    def restore(self, states: Mapping[torch.device, Tensor]) -> None:
        """Return to earlier states."""
        self._generators = {}
        for device, state in states.items():
            self._generator(device).set_state(state)

    def _dropout(self, x: Tensor, p: float, train: bool | None = None) -> tuple[Tensor, Tensor]:
        kept = torch.ones_like(x, dtype=torch.bool)
        if train is False or p == 0:
            return x.clone(), kept
        kept.bernoulli_(1 - p, generator=self._generator(x.device))
        return (x * kept / (1 - p) if p < 1 else torch.zeros_like(x)), kept

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            where = "cpu" if device.type == "meta" else device
            self._generators[device] = torch.Generator(where).manual_seed(self._seed)
        return self._generators[device]


def fresh_seed() -> int:
    """Draw a seed from PyTorch's global generator; forked processes draw different ones.

    A forked process inherits the state of the generator. Without a word to tell them apart, all
    workers that a program forks would translate with the same "random" styles. Within
    :class:`OwnRandomNumbers` the seed follows from theirs alone, in forked processes, too.
    """
    drawn = int(torch.randint(2**62, ()))
    return drawn if _process is None or _OWN.get() else seed_of(drawn, _process)


_process: str | None = None  # what tells a forked process apart


def _name_process() -> None:
    global _process
    _process = os.urandom(16).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_name_process)
