"""Durations: parsed from what users write, and formatted for messages."""

from __future__ import annotations

import math
import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_LONGEST = 1e9


def parse_duration(text: str, name: str) -> float:
    """Read a duration such as ``90s``, ``20m``, ``1.5h``, ``2d`` or ``1h30m``.

    Args:
        text: The duration.
        name: The option that it is for.

    Returns:
        Seconds, more than 0.

    Raises:
        ValueError: It is not a duration, or 0.
    """
    compact = str(text).strip().lower().replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != compact:
        raise ValueError(
            f"{name} '{text}' is not a duration: expected a number with s, m, h or d, such as 90s, "
            "20m, 1.5h or 2d"
        )
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"{name} '{text}' must be more than 0 and at most 10,000 days")
    return seconds


def roughly(seconds: float) -> str:
    """Return a duration in the largest unit of which there are two: ``50 days``, ``90 minutes``."""
    for name, unit in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * unit:
            return f"{round(seconds / unit):,} {name}"
    return f"{max(1, round(seconds))} second{'' if round(seconds) <= 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration in the two largest units: ``7 s``, ``2 min 05 s``, ``2 d 7 h``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def option(seconds: float) -> str:
    """Return a duration as options take it, in the largest unit that makes it a whole number."""
    whole = math.ceil(seconds)
    unit = next(u for u in ("d", "h", "m", "s") if whole % _UNITS[u] == 0)
    return f"{whole // _UNITS[unit]}{unit}"
