"""The speed of a run's steps, as it can be expected of further steps."""

from __future__ import annotations


class Speed:
    """Measures steps, without those that are slow for a reason that does not come again.

    The first step after a start or a change reserves memory and waits for the processes that load
    images, so it counts only while there is no other. Sheets, checkpoints and compilation are not
    part of a step.
    """

    def __init__(self) -> None:
        self._warm = False
        self._first = self._sum = 0.0
        self._count = 0

    def add(self, seconds: float) -> None:
        """Add the duration of a step."""
        if self._warm:
            self._sum, self._count = self._sum + seconds, self._count + 1
        else:
            self._warm, self._first = True, seconds

    @property
    def measured(self) -> bool:
        """Whether a step was measured at all."""
        return self._warm

    @property
    def known(self) -> bool:
        """Whether a step was measured that was not the first one."""
        return self._count > 0

    @property
    def seconds_per_step(self) -> float:
        """Mean duration of a step; 0 before the first one."""
        return self._sum / self._count if self._count else self._first

    @property
    def rate(self) -> float:
        """Steps per second."""
        return 1 / max(self.seconds_per_step, 1e-9)
