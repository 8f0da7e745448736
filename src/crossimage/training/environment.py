"""What a run ran on, for those who want to repeat it."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from crossimage._version import __version__


def environment(data: str, fabric: Fabric) -> dict[str, Any]:
    """Command, data, versions and hardware of the run that starts now."""
    names = ("torch", "torchvision", "lightning-fabric", "Pillow", "tifffile")
    cuda = fabric.device.type == "cuda"
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "folder": os.getcwd(),
        "data": data,
        "versions": {"python": platform.python_version(), "crossimage": __version__}
        | {name: version(name) for name in names},
        "device": torch.cuda.get_device_name(fabric.device)
        if cuda
        else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": fabric.world_size,
        "precision": fabric.strategy.precision.precision,
        "platform": platform.platform(),
        "git": _git_state(),
    }


def _git_state() -> dict[str, Any] | None:
    """Commit of the source that runs, where it is a checkout."""
    source = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        folder = str(source)
        return subprocess.run(
            ["git", "-C", folder, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != source.parents[2]:
            return None  # installed into some other project's folder
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None
