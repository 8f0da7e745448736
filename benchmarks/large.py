"""Memory and time of translating large images: as a whole beside in strips of rows.

    python benchmarks/large.py cyclegan --sides 1024 2048 4096 8192 --memory 1500MB
    python benchmarks/large.py cyclegan --sides 20000 --memory 4GB --seconds 120

Every translation runs in a process of its own with one thread and untrained networks. The image is
a TIFF with random values, read and written in strips; as a whole it is decoded, translated and then
written. Memory is the peak of the process minus what it used before, per pixel. With --seconds a
translation in strips ends early, and the time of all of it is estimated from the share of the work
that was done.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_PEAK = Path("/proc/self/clear_refs")
_ROWS = 64


class Done(Exception):
    """The time is over."""


def peak() -> int:
    """Bytes of the process at its peak since the last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def measure(options: dict[str, Any]) -> dict[str, Any]:
    """Translate one image in this process, and return bytes and seconds."""
    import numpy as np
    import tifffile
    import torch

    from crossimage.config import build
    from crossimage.inference.translator import Translator
    from crossimage.methods import METHODS
    from crossimage.utils.memory import resident

    torch.set_num_threads(1)
    torch.manual_seed(0)
    side, cls = options["side"], METHODS[options["method"]]
    networks = cls(build(cls.Config, options["settings"]), training=False)
    model = Translator(networks, "cpu", options["precision"], options["memory"] or "auto")
    if options["memory"] is None:
        model.strips.fits = lambda *_: True  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory(dir=options["folder"]) as folder:
        generator = np.random.default_rng(0)
        strips = (
            generator.integers(0, 256, (min(_ROWS, side - top), side, 3), np.uint8)
            for top in range(0, side, _ROWS)
        )
        path = Path(folder) / "x.tif"
        shape = (side, side, 3)
        tifffile.imwrite(
            path, strips, shape=shape, dtype="uint8", photometric="rgb", rowsperstrip=_ROWS
        )
        tifffile.imwrite(Path(folder) / "small.tif", np.zeros((64, 64, 3), np.uint8))
        model.translate_files(Path(folder) / "small.tif", Path(folder) / "warm", seed=0)
        share, started = 1.0, time.monotonic()

        def watch(text: str, done: int, total: int) -> None:
            nonlocal share
            if "rows" in text and options["seconds"]:
                share = done / total
                if time.monotonic() - started > options["seconds"]:
                    raise Done

        before = resident()
        _PEAK.write_text("5")
        processor, started = time.process_time(), time.monotonic()
        with suppress(Done):
            model.translate_files(path, Path(folder) / "out", seed=0, progress=watch)
        return {
            "bytes": peak() - before, "peak": peak(), "share": share,
            "seconds": time.monotonic() - started, "processor": time.process_time() - processor,
        }  # fmt: skip


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--options", json.dumps(options)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if output.returncode:
        return {"error": output.stderr.strip().rpartition("\n")[2] or f"status {output.returncode}"}
    result: dict[str, Any] = json.loads(output.stdout.splitlines()[-1])
    return result


def show(name: str, side: int, found: dict[str, Any]) -> None:
    """Print a line of results."""
    if "error" in found:
        print(f"{side:6} {name:8} {found['error']}", flush=True)
        return
    share = found["share"]
    estimate = ""
    if share < 1:
        hours = found["processor"] / max(share, 1e-9) / 3600
        estimate = f"  {share:.1%} of the work done, {hours:.1f} h of processor time for all"
    memory = f"{found['bytes'] / side**2:7.1f} B/pixel  peak {found['peak'] / 1e9:6.2f} GB"
    times = f"{found['seconds']:8.1f} s  {found['processor']:8.1f} s of processor time"
    print(f"{side:6} {name:8} {memory}  {times}{estimate}", flush=True)


def main() -> None:
    """Measure all sides."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", nargs="?", default="cyclegan")
    parser.add_argument("--sides", type=int, nargs="+", default=[1024, 2048, 4096, 8192])
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--settings", type=json.loads, default={}, help="of the method, as JSON")
    parser.add_argument("--whole-up-to", type=int, default=4096, help="side of images")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--folder", help="for images and maps; by default the temporary one")
    parser.add_argument("--options", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.options:
        print(json.dumps(measure(json.loads(arguments.options))))
        return
    common = {
        "method": arguments.method, "settings": arguments.settings,
        "precision": arguments.precision, "seconds": arguments.seconds, "folder": arguments.folder,
    }  # fmt: skip
    for side in arguments.sides:
        if side <= arguments.whole_up_to:
            show("whole", side, run(common | {"side": side, "memory": None}))
        show("strips", side, run(common | {"side": side, "memory": arguments.memory}))


if __name__ == "__main__":
    main()
