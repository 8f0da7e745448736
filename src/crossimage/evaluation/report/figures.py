"""One measured figure, with everything that is needed to read it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: What was measured, such as ``fid`` or ``lpips``.
        value: The figure.
        interval: Lower and upper end of its 95 % confidence interval, where there is one.
        count: Samples behind it: images, pairs or inputs, as the protocol says.
        protocol: How it was measured, in one sentence.
        seed: What random choices depend on; None where nothing is random.
        library: Libraries that computed it, with versions; see :func:`library`.
        comparable: Whether it may be compared with figures of others; not so where the network
            behind it has random weights, or was trained here.
        note: What was adapted or left out, such as unreadable files; may be empty.
    """

    name: str
    value: float
    interval: tuple[float, float] | None
    count: int
    protocol: str
    seed: int | None
    library: str
    comparable: bool = True
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The figure as plain data for JSON, which knows no infinite numbers: they become text."""
        interval = None if self.interval is None else [_plain(end) for end in self.interval]
        return asdict(self) | {"value": _plain(self.value), "interval": interval}


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def library(*names: str) -> str:
    """Installed packages with their versions, such as ``torchmetrics 1.9.0, lpips 0.1.4``."""
    return ", ".join(f"{name} {version(name)}" for name in names)


def mean_of(values: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """The mean of independent values and its 95 % confidence interval, normal approximation.

    There is no interval for fewer than two values, or where one is infinite.
    """
    mean = sum(values) / len(values)
    if len(values) < 2 or not math.isfinite(mean):
        return mean, None
    half = 1.959964 * statistics.stdev(values) / math.sqrt(len(values))
    return mean, (mean - half, mean + half)


def share_of(hits: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """The mean of independent values from 0 to 1 and its 95 % Wilson interval.

    That is the interval of a share where the values are 0 and 1, and wider than need be where they
    lie between. It stays between 0 and 1, and does not vanish where all are 0 or all are 1.
    """
    n, z = len(hits), 1.959964
    share = sum(hits) / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return share, (max(0.0, centre - half), min(1.0, centre + half))
