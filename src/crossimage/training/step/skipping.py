"""Moves that are skipped because their losses or gradients are not finite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_MAX_FILES = 40  # named in a message


class Snapshot:
    """Earlier values of a module's buffers: statistics, spectral vectors, histories.

    Args:
        module: The module, whose buffers are only changed in place.
    """

    def __init__(self, module: nn.Module) -> None:
        self._buffers = list(module.buffers())
        self._values = [buffer.clone() for buffer in self._buffers]

    def take(self) -> None:
        """Remember the current values."""
        _copy(self._buffers, self._values)

    def restore(self) -> None:
        """Restore the values that the buffers had when the snapshot was taken."""
        _copy(self._values, self._buffers)


@torch.no_grad()
def _copy(source: list[Tensor], target: list[Tensor]) -> None:
    if source:
        torch._foreach_copy_(target, source)


def all_finite(tensors: Sequence[Tensor]) -> bool:
    """Return whether all values, and the sum of their squares, are finite.

    Adam and RMSprop square the gradients, so they cannot use those whose squares overflow. Waits
    for the device.
    """
    return bool(torch.nn.utils.get_total_norm(tensors).isfinite())


@dataclass
class SkippedSteps:
    """Counts of the steps in which a move was skipped.

    Attributes:
        total: Such steps in the whole run.
        in_a_row: Such steps since the last complete one.
    """

    total: int = 0
    in_a_row: int = 0

    def add(self, skipped: bool) -> None:
        """Count a step."""
        self.total += skipped
        self.in_a_row = self.in_a_row + 1 if skipped else 0

    def summary(self, steps: int) -> str | None:
        """Return a sentence about a run of ``steps`` steps; None if no move was skipped."""
        if not self.total:
            return None
        return (
            f"{self.total:,} of {steps:,} steps skipped a move, since its loss or gradients were "
            "not finite"
        )

    def state(self) -> dict[str, int]:
        """Return the counts, for a checkpoint."""
        return {"total": self.total, "in_a_row": self.in_a_row}


@dataclass(frozen=True)
class SkippedMove:
    """A move that was skipped.

    Attributes:
        step: Number of the step, counted from 1.
        players: The players that did not move.
        terms: The loss terms that were not finite; empty if only the gradients were not.
        files: The image files of the step's batch, or of the part of it with such terms.
    """

    step: int
    players: tuple[str, ...]
    terms: tuple[str, ...]
    files: tuple[str, ...]

    def __str__(self) -> str:
        """Return a clause: what was not finite, at which step, and the images of that step."""
        player, *_ = self.players
        keys = [f"{player}/{term}" for term in self.terms]
        what = " and ".join(keys) if keys else f"the gradients of the {' and '.join(self.players)}"
        verb = "is" if len(keys) == 1 else "are"
        more = len(self.files) - _MAX_FILES
        images = ", ".join(self.files[:_MAX_FILES]) + (f" and {more} more" if more > 0 else "")
        return f"{what} {verb} not finite at step {self.step}, whose images are {images}"

    @classmethod
    def combine(
        cls,
        step: int,
        players: tuple[str, ...],
        seen: Iterable[tuple[Sequence[str], Sequence[str]]],
    ) -> SkippedMove:
        """Combine the observations of all processes.

        Args:
            step: Number of the step.
            players: The players that did not move.
            seen: For each process, the terms that were not finite, and its files.
        """
        seen = list(seen)
        affected = [part for part in seen if part[0]] or seen
        terms = dict.fromkeys(term for terms, _ in affected for term in terms)
        files = dict.fromkeys(file for _, files in affected for file in files)
        return cls(step, players, tuple(terms), tuple(files))


def count_of(state: Mapping[str, Mapping[str, int]]) -> SkippedSteps:
    """Return the counts of a checkpoint; zero for older checkpoints, which have none."""
    return SkippedSteps(**state.get("skipped", {}))
