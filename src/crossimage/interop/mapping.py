"""How tensors of another codebase get into our networks: every one must be there and must fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from crossimage.methods.base import Method
from crossimage.utils.names import did_you_mean


class Files(NamedTuple):
    """The files of a format, by what they hold, in the order in which they are given."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass
class Converted:
    """A method with the weights of a checkpoint.

    Attributes:
        method: The method.
        discriminators: Whether it holds the weights of discriminators too.
        notes: Where its settings come from.
    """

    method: Method
    discriminators: bool
    notes: list[str]


class Misfit(ValueError):
    """A tensor that does not fit, in one sentence for the user."""


class Source:
    """The tensors of one file, each of which must find its place.

    Args:
        path: The file, for error messages.
        state: Its tensors by name.
    """

    def __init__(self, path: Path, state: Mapping[str, Tensor]) -> None:
        self.path, self.state = path, dict(state)
        self.left = dict(state)

    def __contains__(self, name: str) -> bool:
        """Whether the file has a tensor of this name."""
        return name in self.state

    def take(self, name: str, shape: Iterable[int | None] | None = None) -> Tensor:
        """A tensor, which now has its place.

        Args:
            name: Its name in the file.
            shape: The shape that it must have; None stands for any number.

        Raises:
            Misfit: It is missing or has another shape.
        """
        wanted = None if shape is None else list(shape)
        printed = "" if wanted is None else f"[{', '.join(str(n or 'any') for n in wanted)}]"
        if name not in self.state:
            raise Misfit(
                f"{self.path} has no tensor '{name}', and one{printed and f' of shape {printed}'} "
                f"was expected; its first tensor is '{next(iter(self.state))}'"
            )
        value = self.state[name]
        if wanted is not None and (
            value.dim() != len(wanted)
            or any(n not in (None, found) for n, found in zip(wanted, value.shape, strict=True))
        ):
            raise Misfit(
                f"the tensor '{name}' of {self.path} has the shape {list(value.shape)}, and "
                f"{printed} was expected"
            )
        self.left.pop(name, None)
        return value

    def count(self, pattern: str, first: int = 0) -> int:
        """How many tensors in a row there are whose names hold the numbers first, first + 1, ...

        Args:
            pattern: The name with ``#`` for the number.
            first: The first number.
        """
        number = first
        while pattern.replace("#", str(number)) in self.state:
            number += 1
        return number - first

    def ignore(self, predicate: Callable[[str], bool]) -> None:
        """Leave out tensors, by their names, that need no place."""
        self.left = {name: value for name, value in self.left.items() if not predicate(name)}

    def finish(self) -> None:
        """Refuse tensors that found no place.

        Raises:
            Misfit: There are some.
        """
        if self.left:
            name, value = next(iter(self.left.items()))
            raise Misfit(
                f"the tensor '{name}' of {self.path}, of shape {list(value.shape)}, has no place "
                "in the network that the others describe; expected no such tensor"
            )


@torch.no_grad()
def load(
    module: nn.Module,
    source: Source,
    names: Mapping[str, str],
    ends: Mapping[str, str] | None = None,
) -> None:
    """Give a network all of its tensors from a file.

    Args:
        module: The network.
        source: The file.
        names: Names or beginnings of names in the network (whole words between dots), and those
            in the file; the longest one that fits counts.
        ends: Likewise the ends of names that differ, such as ``norm.weight``.

    Raises:
        Misfit: A tensor is missing or has another shape.
    """
    for ours, tensor in module.state_dict(keep_vars=True).items():
        known = [name for name in names if f"{ours}.".startswith(f"{name}.")]
        assert known, f"{ours} has no name in the file"
        start = max(known, key=len)
        theirs = names[start] + ours[len(start) :]
        for end, other in (ends or {}).items():
            if theirs.endswith(f".{end}"):
                theirs = theirs.removesuffix(end) + other
        if ours.endswith("num_batches_tracked") and theirs not in source:
            continue  # younger than the oldest checkpoints, and of no use in evaluation
        tensor.copy_(source.take(theirs, tensor.shape))


def is_leftover(name: str) -> bool:
    """Whether a tensor is a statistic that old instance norms and all AdaINs keep and never use."""
    return name.endswith((".running_mean", ".running_var", ".num_batches_tracked"))


def settings(options: Mapping[str, str], known: Iterable[str]) -> None:
    """Refuse options that a format does not have.

    Raises:
        ValueError: There is one; the nearest known one is named.
    """
    known = list(known)
    for key in options:
        if key not in known:
            hint = did_you_mean(key, known) or ";"
            raise ValueError(f"unknown option '{key}'{hint} known are {', '.join(known)}")


def decide(
    defaults: Mapping[str, Any], options: Mapping[str, str], config: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Settings that tensors can't tell: from the options, else the config file, else published.

    Args:
        defaults: The published values.
        options: Values given as key=value.
        config: Values of the official config file.

    Returns:
        All values, and notes that tell where each comes from.
    """
    sources = {"key=value": options, "the config file": config or {}, "the published defaults": {}}
    values: dict[str, Any] = {}
    told: dict[str, list[str]] = {name: [] for name in sources}
    for key, default in defaults.items():
        where = next((name for name, given in sources.items() if key in given), "")
        values[key] = sources[where][key] if where else default
        told[where or "the published defaults"].append(f"{key}={values[key]}")
    return values, [f"from {name}: {', '.join(of)}" for name, of in told.items() if of]


def described(values: Mapping[str, Any]) -> str:
    """A note of what the tensors' shapes tell."""
    return "from the tensors: " + ", ".join(f"{key}={value}" for key, value in values.items())


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted name as sections."""
    values: dict[str, Any] = {}
    for name, value in flat.items():
        group, _, key = name.rpartition(".")
        (values.setdefault(group, {}) if group else values)[key] = value
    return values
