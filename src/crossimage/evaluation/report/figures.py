"""Figures: values with everything that is needed to read them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Literal

from crossimage.utils.texts.json_text import json_number


@dataclass(frozen=True)
class Direction:
    """Which direction of a figure is better.

    Attributes:
        better: The better end, or ``neither``.
        hint: The same for a reader.
    """

    better: Literal["higher", "lower", "neither"]
    hint: str


HIGHER = Direction("higher", "higher is better")
LOWER = Direction("lower", "lower is better")


def neither(hint: str) -> Direction:
    """Return the direction of a figure without a better end."""
    return Direction("neither", hint)


@dataclass(frozen=True)
class Figure:
    """The value of a metric.

    Attributes:
        name: Its name, such as ``fid`` or ``lpips``.
        value: The value.
        interval: Lower and upper end of its 95 % confidence interval, where there is one.
        count: Samples behind it: images, pairs or inputs, as the protocol says.
        protocol: How it was measured, in one sentence.
        seed: Seed of the random choices; None where nothing is random.
        library: Libraries that computed it, with versions; see :func:`library`.
        comparable: Whether it may be compared with the figures of others; not so where the network
            behind it has random weights or was trained here.
        note: What was adapted or left out, such as unreadable files; may be empty.
        direction: Which direction is better, as the metric declares it; None for figures that are
            not part of a report.
        metric: The metric that it belongs to, such as ``psnr`` for ``psnr_y``.
        variant: How it differs from the usual figure of its name, in a word, such as ``clean``;
            shown in headings. May be empty.
        warnings: Why it may not mean what it seems to, one sentence each; they are footnotes of
            the tables.
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
    direction: Direction | None = None
    metric: str = ""
    variant: str = ""
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as plain data for JSON, where infinite numbers are text."""
        data = asdict(self)
        del data["direction"]
        interval = None if self.interval is None else [json_number(end) for end in self.interval]
        return data | {"value": json_number(self.value), "interval": interval}


def library(*names: str) -> str:
    """Return installed packages with their versions: ``torchmetrics 1.9.0, lpips 0.1.4``."""
    return ", ".join(f"{name} {version(name)}" for name in names)


def mean_of(values: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """Return the mean of independent values and its 95 % interval (normal approximation).

    There is no interval for fewer than two values, or where one of them is infinite.
    """
    mean = sum(values) / len(values)
    if len(values) < 2 or not math.isfinite(mean):
        return mean, None
    half = 1.959964 * statistics.stdev(values) / math.sqrt(len(values))
    return mean, (mean - half, mean + half)


def share_of(hits: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the mean of independent values in [0, 1] and its 95 % Wilson interval.

    The interval is exact in form for values that are 0 or 1, and wider than necessary for values
    in between. It stays within [0, 1], and does not vanish where all values are 0 or all are 1.
    """
    share = sum(hits) / len(hits)
    return share, wilson_interval(share, len(hits))


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share of ``n`` independent values in [0, 1]."""
    z = 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)
