"""Processor cores: how many this process may use, and how many of them others are using."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from crossimage.utils.machine.groups import MEMBERSHIP, ROOT, groups_of

_TIMES = Path("/proc/stat")
_WAITING = {3, 4}  # columns of a core's times in which nothing computes: idle, and for a disk


def cores() -> int:
    """Return how many cores this process may use, by its affinity and the quotas of its groups."""
    quota = min(_quotas(ROOT, MEMBERSHIP), default=math.inf)
    return max(1, min(len(_allowed()), round(min(quota, 2**20))))


class Load:
    """What other processes compute while an object of this class exists.

    Where the system has no times of its cores, the load average stands for them; on Windows, which
    has neither, all cores count as free.
    """

    def __init__(self) -> None:
        self._began = _read_times()

    def others(self, seconds: float = 0.3) -> float:
        """Return how many cores other processes used on average; on cores that are ours, too.

        Args:
            seconds: The least time to look at; waits for the rest of it.
        """
        if self._began is None:
            return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        time.sleep(max(0.0, seconds - (time.perf_counter() - self._began.wall)))
        now = _read_times()
        if now is None:
            return 0.0
        busy = now.busy - self._began.busy - (now.own - self._began.own)
        return max(0.0, busy / (now.wall - self._began.wall))


class _Times(NamedTuple):
    """Seconds since some beginning.

    Attributes:
        wall: By the clock.
        busy: In which the cores that this process may use computed.
        own: In which they did so for this process and its children.
    """

    wall: float
    busy: float
    own: float


def _read_times() -> _Times | None:
    """Read the times of the cores that this process may use; None where there are none."""
    if not hasattr(os, "sysconf"):  # Windows
        return None
    try:
        lines = _TIMES.read_text().splitlines()
    except OSError:
        return None
    own = os.times()
    per_second = os.sysconf("SC_CLK_TCK")
    busy = sum(_busy(lines, _allowed())) / per_second
    return _Times(time.perf_counter(), busy, sum(own[:4]))


def _busy(lines: list[str], allowed: set[int]) -> Iterator[int]:
    """Yield the ticks of each core in which it computed, or was taken by the hypervisor."""
    for line in lines:
        name, *columns = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in allowed:
            # columns after the eighth are contained in the first two
            yield sum(int(c) for i, c in enumerate(columns[:8]) if i not in _WAITING)


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _quotas(root: Path, membership: Path) -> Iterator[float]:
    """Yield the cores that each control group of this process leaves to all of its processes."""
    for version, group in groups_of("cpu", root, membership):
        try:
            if version == 2:
                quota, period = (group / "cpu.max").read_text().split()
            else:
                quota, period = (
                    (group / f"cpu.cfs_{name}_us").read_text().strip()
                    for name in ("quota", "period")
                )
            if quota not in ("max", "-1"):
                yield int(quota) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue
