"""The samples of each training step, as a pure function of the step's number.

Step ``s`` sees the samples numbered ``[s * batch_size, (s + 1) * batch_size)``, divided into
micro-batches and among processes. Resuming a run needs no loader state.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler

from crossimage.config import micro_batch_size


def rows(batch_size: int, accumulate: int, micro: int, rank: int, world: int) -> slice:
    """Return the rows of a step's batch that a process sees in a micro-batch."""
    size = micro_batch_size(batch_size, accumulate, world)
    first = (micro * world + rank) * size
    return slice(first, first + size)


class StepSampler(Sampler[list[int]]):
    """Endless micro-batches of sample numbers for one process.

    Args:
        batch_size: Samples per step, over all processes and micro-batches.
        accumulate: Micro-batches per step.
        rank: Rank of this process.
        world: Number of processes.
        start: First step.

    Raises:
        ValueError: The batch cannot be divided evenly.
    """

    def __init__(
        self, batch_size: int, accumulate: int = 1, rank: int = 0, world: int = 1, start: int = 0
    ) -> None:
        micro_batch_size(batch_size, accumulate, world)
        self.batch_size, self.accumulate = batch_size, accumulate
        self.rank, self.world, self.start = rank, world, start

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the sample numbers of each micro-batch, endlessly."""
        step = self.start
        while True:
            first = step * self.batch_size
            for micro in range(self.accumulate):
                part = rows(self.batch_size, self.accumulate, micro, self.rank, self.world)
                yield list(range(first + part.start, first + part.stop))
            step += 1
