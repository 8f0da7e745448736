"""Packages that report how they are used: nothing is sent about those who run crossimage."""

from __future__ import annotations

import os

_SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime 1.32 reports on Linux, too
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def send_no_reports() -> None:
    """Turn these reports off, in this process and those it starts, unless the user chose.

    The packages look when they are imported, so this is called before.
    """
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
