"""The environment of a run, for those who want to reproduce it."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

import torch

from crossimage._version import __version__

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def environment(data: str | dict[str, list[str]], fabric: Fabric) -> dict[str, Any]:
    """Return the command, data, versions and hardware of the run that starts now."""
    names = ("torch", "torchvision", "lightning-fabric", "Pillow", "tifffile")
    machine = platform.processor() or platform.machine()
    hardware = {"cuda": torch.cuda.get_device_name, "mps": lambda _: f"Apple's GPU ({machine})"}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "folder": os.getcwd(),
        "data": data,
        "versions": {"python": platform.python_version(), "crossimage": __version__}
        | {name: version(name) for name in names},
        "device": hardware.get(fabric.device.type, lambda _: machine)(fabric.device),
        "threads": torch.get_num_threads(),
        "processes": fabric.world_size,
        "precision": fabric.strategy.precision.precision,
        "platform": platform.platform(),
        "git": _git_state(),
    }


def command_words(recorded: object) -> list[str]:
    """Return the words of a recorded command of crossimage; none of another program's.

    Its program may be named as on any system: ``crossimage.exe``, ``crossimage/__main__.py``.
    """
    with suppress(ValueError, IndexError):  # it is damaged, or there is none
        words = shlex.split(str(recorded or ""))
        program = PureWindowsPath(words[0])  # which knows both separators
        if program.stem == "crossimage" or program.parts[-2:] == ("crossimage", "__main__.py"):
            return ["crossimage", *words[1:]]
    return []


def _git_state() -> dict[str, Any] | None:
    """Return the commit of the running source, and whether it has changed; None elsewhere."""
    repository = Path(__file__).resolve().parents[3]  # of src/crossimage/training/environment.py

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(repository), *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != repository:
            return None  # installed into the folder of another project
        changed = git("status", "--porcelain", "--", "src")  # nothing else runs
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return None
