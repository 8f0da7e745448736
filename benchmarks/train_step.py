"""Time, memory and arithmetic of a method's training step.

    python benchmarks/train_step.py [RECIPE|METHOD] [key=value ...]

prints milliseconds a step (median, fastest, slowest), the process's peak memory, and the achieved
floating-point rate beside the rate of a large matrix product measured in the same run. Images are
random and in memory: data loading is not part of it.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import torch
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from crossimage.checkpoint import Checkpoints
from crossimage.config import build, parse_overrides
from crossimage.methods import METHODS
from crossimage.recipes import resolve
from crossimage.recorder import Recorder
from crossimage.run import open_fabric
from crossimage.trainer import Trainer

WARM_UP, STEPS = 2, 7


def main() -> None:
    name, *arguments = sys.argv[1:] or ["munit"]
    method_name, settings = resolve(name)
    method_class = METHODS[method_name]
    config = build(method_class.Config, settings, parse_overrides(arguments), source=name)
    fabric = open_fabric(config.precision, devices=1)
    with TemporaryDirectory() as folder:
        run = Path(folder)
        recorder = Recorder(run, Console(quiet=True), 1, 1, {}, {}, False, lambda: None)
        trainer = Trainer(
            method_class(config), config, SimpleNamespace(domains=()), fabric,
            Checkpoints(run, 1), recorder, {},
        )  # fmt: skip
    shapes = dict(zip(trainer.method.letters, config.channels, strict=True))
    images = {d: torch.rand(config.batch_size, c, *config.crop) * 2 - 1 for d, c in shapes.items()}
    batch = {d: x.to(fabric.device, memory_format=torch.channels_last) for d, x in images.items()}

    def step() -> float:
        began = time.perf_counter()
        trainer.train_step([batch])
        if fabric.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    for _ in range(WARM_UP):
        step()
    with FlopCounterMode(display=False) as counter:
        step()
    seconds = [step() for _ in range(STEPS)]
    typical = statistics.median(seconds)
    operations = counter.get_total_flops()
    kind = fabric.device.type
    mixed = "mixed" in fabric.strategy.precision.precision
    peak = matrix_rate(fabric.device, torch.get_autocast_dtype(kind) if mixed else torch.float32)
    print(f"{name} {' '.join(arguments)}".rstrip())
    print(f"device      {describe(fabric.device)}, {fabric.strategy.precision.precision}")
    print(
        f"step        {1e3 * typical:.0f} ms ({1e3 * min(seconds):.0f} to "
        f"{1e3 * max(seconds):.0f} in {STEPS} steps), batch {config.batch_size}, "
        f"{config.crop[0]}x{config.crop[1]}"
    )
    print(f"memory      {peak_memory(fabric.device) / 2**20:.0f} MiB at the peak")
    print(
        f"arithmetic  {operations / 1e9:.1f} GFLOP a step, {operations / typical / 1e9:.0f} GFLOP/s"
        f" = {operations / typical / peak:.0%} of the matrix product's {peak / 1e9:.0f} GFLOP/s"
    )


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a large matrix product, the best of five."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = torch.randn(2, size, size, device=device).to(dtype).unbind()
    best = float("inf")
    for _ in range(6):
        began = time.perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def peak_memory(device: torch.device) -> float:
    """Bytes: of the device where it has its own memory, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU with {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
