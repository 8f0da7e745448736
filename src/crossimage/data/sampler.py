"""Which samples a training step sees: a pure function of the step's number.

Samples are numbered for ever: step ``s`` holds the numbers ``[s * batch_size, (s + 1) *
batch_size)``, cut into micro-batches and processes. Resuming a run needs no loader state.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler

from crossimage.config import micro_batch_size


def rows(batch_size: int, accumulate: int, micro: int, rank: int, world: int) -> slice:
    """Rows of a step's batch that process ``rank`` of ``world`` sees in micro-batch ``micro``."""
    size = batch_size // (accumulate * world)
    first = (micro * world + rank) * size
    return slice(first, first + size)


class StepSampler(Sampler[list[int]]):
    """Endless micro-batches of sample numbers for one process, from step ``start`` on.

    Args:
        batch_size: Samples a step, over all processes and micro-batches.
        accumulate: Micro-batches a step.
        rank: Number of this process.
        world: Number of processes.
        start: First step.

    Raises:
        ValueError: The batch can't be cut evenly.
    """

    def __init__(
        self, batch_size: int, accumulate: int = 1, rank: int = 0, world: int = 1, start: int = 0
    ) -> None:
        micro_batch_size(batch_size, accumulate, world)
        self.batch_size, self.accumulate = batch_size, accumulate
        self.rank, self.world, self.start = rank, world, start

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the sample numbers of one micro-batch after the other, for ever."""
        step = self.start
        while True:
            first = step * self.batch_size
            for micro in range(self.accumulate):
                part = rows(self.batch_size, self.accumulate, micro, self.rank, self.world)
                yield list(range(first + part.start, first + part.stop))
            step += 1
