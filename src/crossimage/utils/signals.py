"""Signals that ask a run to stop."""

from __future__ import annotations

import signal

STOP_SIGNALS = frozenset(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
    if hasattr(signal, name)
)
"""The signals of Ctrl-C, of a closed terminal, and of job schedulers before they kill a process.
Each of them ends a process by default."""
