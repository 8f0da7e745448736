"""Map tensors of other codebases to our networks; each must be present, fit and be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from crossimage.methods.base import Method
from crossimage.utils.names import did_you_mean
from crossimage.utils.tensor_files.outline import check_size, outline
from crossimage.utils.texts.shown import cut

M = TypeVar("M", bound=Method)


class Files(NamedTuple):
    """The files of a format by their contents, in the order in which users pass them.

    Attributes:
        required: Names of the networks that must be there.
        optional: Names of those that may be there too.
        beside: Names under which some of them come again in the same file, such as averages.
        any_order: Whether these are networks of several runs, whose files have the same names:
            their tensors say which is which, and any of them may be left out.
        told_apart: Whether the optional ones are told apart by their tensors, so that any of them
            may be missing and their order does not matter.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    any_order: bool = False
    told_apart: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        """All of them."""
        return self.required + self.optional

    def __str__(self) -> str:
        """Return them as on the command line, such as ``G [D]``."""
        return " ".join([*self.required, *(f"[{role}]" for role in self.optional)])


@dataclass
class ConvertedModel:
    """A method with the weights of a checkpoint.

    Attributes:
        method: The method.
        discriminators: Whether it has the weights of the discriminators too.
        notes: Sentences that say where its settings come from.
    """

    method: Method
    discriminators: bool
    notes: list[str]


class MismatchError(ValueError):
    """A tensor is missing, has another shape, or is not used; one sentence for the user."""


class CheckpointFile:
    """The tensors of one file, which keeps track of those not used yet.

    Args:
        path: The file, for error messages.
        state: Its tensors by name.

    Attributes:
        unused: The tensors that have not been taken.
    """

    def __init__(self, path: Path, state: Mapping[str, Tensor]) -> None:
        self.path, self.state = path, dict(state)
        self.unused = dict(state)

    def __contains__(self, name: str) -> bool:
        """Return whether the file has a tensor of this name."""
        return name in self.state

    def take(self, name: str, shape: Iterable[int | None] | None = None) -> Tensor:
        """Return a tensor and mark it as used.

        Args:
            name: Its name in the file.
            shape: The shape that it must have, with None for any number.

        Raises:
            MismatchError: The tensor is missing or has another shape.
        """
        expected = None if shape is None else list(shape)
        printed = "" if expected is None else f"[{', '.join(str(n or 'any') for n in expected)}]"
        if name not in self.state:
            raise MismatchError(
                f"{self.path} has no tensor '{name}', and one{printed and f' of shape {printed}'} "
                f"was expected; its first tensor is '{cut(next(iter(self.state)))}'"
            )
        value = self.state[name]
        if expected is not None and (
            value.dim() != len(expected)
            or any(n not in (None, side) for n, side in zip(expected, value.shape, strict=True))
        ):
            raise MismatchError(
                f"the tensor '{cut(name)}' of {self.path} has the shape {list(value.shape)}, and "
                f"{printed} was expected"
            )
        self.unused.pop(name, None)
        return value

    def count(self, pattern: str, first: int = 0) -> int:
        """Count the tensors whose names contain the consecutive numbers first, first + 1, ...

        Args:
            pattern: The name, with ``#`` for the number.
            first: The first number.
        """
        number = first
        while pattern.replace("#", str(number)) in self.state:
            number += 1
        return number - first

    def ignore(self, predicate: Callable[[str], bool]) -> None:
        """Mark the tensors whose names satisfy a predicate as used."""
        self.unused = {name: value for name, value in self.unused.items() if not predicate(name)}

    def check_all_used(self) -> None:
        """Refuse tensors that have not been used.

        Raises:
            MismatchError: A tensor is unused.
        """
        if self.unused:
            name, value = next(iter(self.unused.items()))
            raise MismatchError(
                f"the tensor '{cut(name)}' of {self.path}, of shape {list(value.shape)}, has no "
                "place in the network that the other tensors describe; expected no such tensor"
            )


class Format(Protocol):
    """Interface of a format's module."""

    FILES: Files

    def recognises(self, states: list[dict[str, Tensor]]) -> bool:
        """Return whether files with these tensors have this format."""

    def convert(
        self, sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
    ) -> ConvertedModel:
        """Convert the files to a method with their weights."""


@torch.no_grad()
def load_weights(
    module: nn.Module,
    source: CheckpointFile,
    names: Mapping[str, str],
    ends: Mapping[str, str] | None = None,
) -> None:
    """Load all weights and buffers of a network from a file.

    Args:
        module: The network.
        source: The file.
        names: Prefixes of names in the network (whole words between dots) and the matching
            prefixes in the file; the longest match wins.
        ends: Likewise suffixes that differ, such as ``norm.weight``.

    Raises:
        MismatchError: A tensor is missing or has another shape.
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
            continue  # newer than the oldest checkpoints, and not used in evaluation
        tensor.copy_(source.take(theirs, tensor.shape))


def is_unused_statistic(name: str) -> bool:
    """Return whether a tensor is a running statistic that instance norms and AdaINs never use."""
    return name.endswith((".running_mean", ".running_var", ".num_batches_tracked"))


def check_options(options: Mapping[str, str], known: Iterable[str]) -> None:
    """Refuse options that a format does not have.

    Raises:
        ValueError: An option is unknown; the message suggests the nearest known one.
    """
    known = [*known, "value_range"]  # which the import of every format takes
    for key in options:
        if key not in known:
            hint = did_you_mean(key, known) or ";"
            raise ValueError(f"unknown option '{cut(key)}'{hint} known options: {', '.join(known)}")


def choose_settings(
    defaults: Mapping[str, Any], options: Mapping[str, str], config: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Choose settings that tensors do not determine.

    Options take precedence over the config file, and that over the published values.

    Args:
        defaults: The published values.
        options: Values passed as key=value.
        config: Values of the official config file.

    Returns:
        All values, and notes that say where each comes from.
    """
    sources = {"key=value": options, "the config file": config or {}, "the published defaults": {}}
    values: dict[str, Any] = {}
    origins: dict[str, list[str]] = {name: [] for name in sources}
    for key, default in defaults.items():
        origin = next((name for name, given in sources.items() if key in given), "")
        values[key] = sources[origin][key] if origin else default
        origins[origin or "the published defaults"].append(f"{key}={values[key]}")
    notes = [f"from {name}: {', '.join(texts)}" for name, texts in origins.items() if texts]
    return values, notes


def split_names(text: str) -> list[str]:
    """Return the names in an option such as ``domains=A,B``."""
    return [name.strip() for name in text.split(",") if name.strip()]


def note_foreign_discriminator(source: CheckpointFile) -> str:
    """Leave out a discriminator of another shape than ours, and return a note on it."""
    source.ignore(lambda _: True)
    return (
        f"{source.path.name}: left out, because it is a discriminator of another shape than "
        "those of crossimage; only training would need it, and starts with a new one"
    )


def note_shapes(values: Mapping[str, Any]) -> str:
    """Return a note of the settings that the shapes of the tensors determine."""
    return "from the tensors: " + ", ".join(f"{key}={value}" for key, value in values.items())


def networks_of(
    cls: type[M], config: Any, sources: Sequence[CheckpointFile], *, training: bool
) -> M:
    """Build a method's networks, unless they are many times as large as the files' tensors.

    Args:
        cls: The method.
        config: The settings that the tensors tell.
        sources: The files.
        training: Also build the players that only training needs.

    Raises:
        ValueError: They are too large, or cannot be built.
    """
    names = " and ".join(dict.fromkeys(str(source.path) for source in sources))
    held = sum(tensor.nbytes for source in sources for tensor in source.state.values())
    check_size(outline(lambda: cls(config, training=training), names), held, names)
    return cls(config, training=training)


def check_finite(sources: Iterable[CheckpointFile]) -> None:
    """Refuse weights that are not finite.

    Raises:
        ValueError: A tensor holds NaN or infinity.
    """
    for source in sources:
        for name, tensor in source.state.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise ValueError(
                    f"the tensor '{cut(name)}' of {source.path} holds NaN or infinity, expected "
                    "finite weights; the file is damaged or its training has diverged"
                )


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Convert values by dotted name to nested sections."""
    values: dict[str, Any] = {}
    for name, value in flat.items():
        group, _, key = name.rpartition(".")
        (values.setdefault(group, {}) if group else values)[key] = value
    return values
