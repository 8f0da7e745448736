"""Losses that rise far above all their earlier values, as those of a diverging training do."""

from __future__ import annotations

from collections.abc import Mapping

_FACTOR, _LEAST, _ROWS = 100, 100, 20


class SpikeWatch:
    """Finds the loss terms that leave the range of all their earlier values, each once.

    Adversarial terms wander and penalties jump, so a term has to be 100 times its highest value in
    at least 20 rows, and above 100.
    """

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._highest: dict[str, float] = {}
        self._reported: set[str] = set()

    def found(self, losses: Mapping[str, float]) -> str | None:
        """Return a sentence about the terms of a row that leave their range, or None.

        Args:
            losses: Means of the loss terms since the last row, by ``player/term``.
        """
        risen = []
        for name, value in losses.items():
            size, highest = abs(value), self._highest.get(name, 0.0)
            far = self._rows.get(name, 0) >= _ROWS and size > max(_FACTOR * highest, _LEAST)
            if far and name not in self._reported:
                self._reported.add(name)
                risen.append(f"{name} is {value:,.3g}, at most {highest:,.3g} before")
            self._rows[name] = self._rows.get(name, 0) + 1
            self._highest[name] = max(size, highest)
        if not risen:
            return None
        return (
            f"the losses have risen a hundredfold and more ({'; '.join(risen)}), so training has "
            "probably diverged; if they don't fall again soon, stop the run and start a new one "
            "with another --out and a lower learning_rate"
        )
