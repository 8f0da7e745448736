"""Communication between the processes of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from crossimage.training.processes.watchdog import CONTINUES, LostProcessError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@contextmanager
def _reached() -> Iterator[None]:
    """Say in one sentence that another process was lost."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition("\n")[0].rpartition("] ")[2].partition(". ")[0][:150]
        raise LostProcessError(
            f"another process of the run ended or cannot be reached ({reason}); {CONTINUES}"
        ) from error


class Processes:
    """The processes of a run, as seen from one of them; a single process sends nothing.

    Args:
        fabric: The launched fabric.

    Attributes:
        count: Number of processes.
        first: Whether this is the first one.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.count, self.first = fabric.world_size, fabric.is_global_zero
        # votes and values travel between hosts, so that no accelerator has to wait for them
        with _reached():
            self._hosts: Any = dist.new_group(backend="gloo") if self.count > 1 else None

    def average(self, tensors: list[Tensor]) -> None:
        """Average tensors over the processes, in place, with one flat all-reduce."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([t.flatten() for t in tensors])
        with _reached():
            dist.all_reduce(flat)
        flat /= self.count
        for tensor, part in zip(
            tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True
        ):
            tensor.copy_(part.view_as(tensor))

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks."""
        if self._hosts is None:
            return [value]
        values: list[Any] = [None] * self.count
        with _reached():
            dist.all_gather_object(values, value, group=self._hosts)
        return values

    def agree(self, number: int) -> int:
        """Return the largest of all processes' numbers."""
        return self.vote(number)[0]

    def vote(self, *numbers: int) -> list[int]:
        """Return the largest of all processes' numbers for each of several questions."""
        if self._hosts is None:
            return list(numbers)
        votes = torch.tensor(numbers)
        with _reached():
            dist.all_reduce(votes, dist.ReduceOp.MAX, group=self._hosts)
        return [int(vote) for vote in votes]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Stop all processes if one of them fails in this context; the first one says why.

        After something in this context that may fail on one process alone, the processes must not
        communicate within it: those that go on would wait for the failed one forever.
        """
        problem: Exception | None = None
        try:
            yield
        except (OSError, ValueError) as error:
            problem = error
        if not self.agree(problem is not None):
            return
        if self._hosts is not None:
            problems = self.gather(problem and str(problem))
            if not self.first:
                raise SystemExit(0)
            problem = problem or ValueError(next(text for text in problems if text))
        assert problem is not None
        raise problem
