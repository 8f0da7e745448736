"""Signals that ask a run to stop."""

from __future__ import annotations

import signal

STOP_SIGNALS = frozenset(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
    if hasattr(signal, name)
)
"""Ctrl-C, a terminal that is closed, and what job schedulers send before they kill a process; every
one of them would end it."""
