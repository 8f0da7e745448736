"""Measure time, memory and arithmetic of a method's training step.

    python benchmarks/train_step.py [RECIPE|METHOD] [--peer DIR] [key=value ...]

Prints the milliseconds of a step and of its parts, and its arithmetic rate relative to that of a
large matrix product in the same run. With ``--peer``, a checkout of the official code (see
peers.py), the steps of both alternate, and their ratio is printed. ``--memory`` measures the memory
of a step instead, each in its own process, and ``--scaling`` the time by image and batch size.
Images are random and in memory: data loading is not included.

OMP_NUM_THREADS sets the number of threads. On a busy machine, use one thread and ``--clock cpu``,
which measures the CPU time of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch
from peers import load_peer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from crossimage.checkpoints.training_state import Checkpoints
from crossimage.cli.overrides import parse_overrides
from crossimage.config import Config, build
from crossimage.data.samples.datasets import LoadedBatch
from crossimage.methods import METHODS
from crossimage.recipes import resolve
from crossimage.training.listener import Listener
from crossimage.training.processes.fabric import open_fabric
from crossimage.training.recorder import Recorder
from crossimage.training.trainer import Trainer
from crossimage.utils.memory import keep_memory

PUBLISHED = {"stargan": {"batch_size": 4}}
"""Settings of the benchmark by default; all others are those of the method."""
clock: Callable[[], float] = time.perf_counter
SIZES, BATCHES, PATIENCE = (64, 128, 256, 512), (1, 4, 16), 60.0


@dataclass
class Candidate:
    """An implementation whose training step is measured.

    Attributes:
        step: Takes one step.
        optimizers: By the player that they move.
        config: Settings, of this project's own code.
        trainer: The trainer, of this project's own code.
    """

    step: Callable[[], object]
    optimizers: dict[str, Any]
    config: Config | None = None
    trainer: Trainer | None = None
    seconds: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def measure(self) -> float:
        """Take a step; each part ends with the step of an optimizer."""
        found: dict[str, float] = defaultdict(float)
        last = began = clock()
        handles = []

        def before(player: str) -> None:
            nonlocal last
            synchronise()
            now = clock()
            found[player] += now - last
            last = now

        def after() -> None:
            nonlocal last
            synchronise()
            now = clock()
            found["optimizers"] += now - last
            last = now

        for player, optimizer in self.optimizers.items():
            inner = getattr(optimizer, "optimizer", optimizer)  # of Fabric's wrapper
            handles += [
                inner.register_step_pre_hook(lambda *_, player=player: before(player)),
                inner.register_step_post_hook(lambda *_: after()),
            ]
        self.step()
        synchronise()
        for handle in handles:
            handle.remove()
        taken = clock() - began
        self.seconds.append(taken)
        for part, value in found.items():
            self.parts[part].append(value)
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("name", nargs="?", default="munit", help="recipe or method")
    parser.add_argument("--peer", type=Path, help="checkout of the official code")
    parser.add_argument("--steps", type=int, default=5, help="steps to measure of each")
    parser.add_argument("--scaling", action="store_true", help="time by size and batch instead")
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    parser.add_argument("--memory-of", choices=["ours", "official"], help=argparse.SUPPRESS)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="time to measure")
    options, settings = parser.parse_known_args()
    set_clock(options.clock)
    keep_memory()  # as the command line does; the official code benefits too
    if options.memory_of:
        print(json.dumps(memory(options, settings)))
    elif options.memory:
        compare_memory(options, settings)
    elif options.scaling:
        scaling(options.name, settings)
    else:
        report(options, settings)


def report(options: argparse.Namespace, settings: list[str]) -> None:
    """Measure and print everything."""
    ours = build_ours(options.name, settings)
    everyone = {"ours": ours}
    config, trainer = ours.config, ours.trainer
    assert config is not None and trainer is not None
    if options.peer:
        everyone["official"] = build_peer(options.name, options.peer, config)
    for candidate in everyone.values():
        candidate.step()
    with Operations() as counter:
        ours.step()
    for _ in range(options.steps):
        for candidate in everyone.values():
            candidate.measure()

    fabric = trainer.fabric
    mixed = "mixed" in fabric.strategy.precision.precision
    kind = fabric.device.type
    dtypes = {str(d)[6:]: d for d in (torch.float32, torch.get_autocast_dtype(kind))}
    rates = {name: matrix_rate(fabric.device, dtype) for name, dtype in dtypes.items()}
    operations, typical = counter.total, statistics.median(ours.seconds)
    peak = list(rates.values())[mixed]
    print(" ".join([options.name, *settings]))
    print(f"device      {describe(fabric.device)}, {fabric.strategy.precision.precision}")
    print(f"images      batch {config.batch_size}, {config.crop[0]}x{config.crop[1]}")
    for name, candidate in everyone.items():
        parts = {p: 1e3 * statistics.median(v) for p, v in candidate.parts.items()}
        print(f"{name:12}{spread([1e3 * s for s in candidate.seconds], '.0f')} ms per step")
        print("            " + ", ".join(f"{p} {ms:.0f} ms" for p, ms in parts.items()))
    if options.peer:
        pairs = zip(everyone["official"].seconds, ours.seconds, strict=True)
        print(f"ratio       {spread([theirs / own for theirs, own in pairs], '.2f')}")
    print(
        f"arithmetic  {operations / 1e9:.0f} GFLOP per step, "
        f"{operations / typical / 1e9:.0f} GFLOP/s"
        f" = {operations / typical / peak:.0%} of the matrix product's "
        + ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {name}" for name, rate in rates.items())
    )


class Operations(TorchDispatchMode):
    """Count floating-point operations; PyTorch's counter fails on gradient penalties."""

    total = 0

    def __torch_dispatch__(
        self, operator: Any, _: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        """Run an operator and add its cost."""
        result = operator(*arguments, **(named or {}))
        count = flop_registry.get(operator._overloadpacket)
        if count:
            self.total += count(*arguments, **(named or {}), out_val=result)
        return result


def build_ours(name: str, settings: list[str]) -> Candidate:
    """Return this project's trainer, with random images."""
    method_name, recipe = resolve(name)
    method_class = METHODS[method_name]
    config = build(
        method_class.Config, PUBLISHED.get(name, {}), recipe, parse_overrides(settings), source=name
    )
    fabric = open_fabric(config.precision, devices=1)
    with TemporaryDirectory() as folder:
        run = Path(folder)
        recorder = Recorder(run, Listener(), 1, 1, {}, {}, False, lambda: None)
        trainer = Trainer(
            method_class(config), config, SimpleNamespace(domains=()), fabric,
            Checkpoints(run, 1), recorder, {},
        )  # fmt: skip
    method, count = trainer.method, config.samples
    shapes = dict(zip(method.letters, config.channels, strict=True))
    scales = {"a": getattr(config, "scale", 1)}  # the small images of super-resolution
    images = {
        d: torch.rand(count, c, *(side // scales.get(d, 1) for side in config.crop)) * 2 - 1
        for d, c in shapes.items()
    }
    labels = {}
    if method.labels:
        size = count, method.labels.size
        labels = {key: torch.randint(0, 2, size).float() for key in ("x", "target")}
    batch = trainer.on_device(LoadedBatch(images, [], None, labels))
    if config.compile:
        trainer.stepper.compile([batch])
    stepper = trainer.stepper
    return Candidate(lambda: stepper.train_step([batch]), stepper.optimizers, config, trainer)


def build_peer(name: str, folder: Path, config: Config) -> Candidate:
    """Return the official trainer, with random images of the same shape."""
    warnings.filterwarnings("ignore")  # of the official code
    peer = load_peer(resolve(name)[0], folder.resolve(), config.crop[0], config.batch_size)
    return Candidate(peer.step, peer.optimizers)


def memory(options: argparse.Namespace, settings: list[str]) -> tuple[float, float]:
    """Return the peak MiB of two steps, above what was used before the first, and in total."""
    candidate = build_ours(options.name, settings)
    assert candidate.config is not None
    if options.memory_of == "official":
        config = candidate.config
        del candidate
        candidate = build_peer(options.name, options.peer, config)
    before = peak_memory(reset=True)
    for _ in range(2):
        candidate.step()
    peak = peak_memory()
    return (peak - before) / 2**20, peak / 2**20


def compare_memory(options: argparse.Namespace, settings: list[str]) -> None:
    """Print the memory of a step."""
    needs = {}
    for who in ("ours", "official") if options.peer else ("ours",):
        command = [sys.executable, __file__, options.name, "--memory-of", who, *settings]
        if options.peer:
            command += ["--peer", str(options.peer)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        needs[who], process = json.loads(output.splitlines()[-1])
        print(f"{who:12}{needs[who]:.0f} MiB for the step, {process:.0f} MiB in total")
    if options.peer:
        print(f"ratio       {needs['ours'] / needs['official']:.2f}")


def scaling(name: str, settings: list[str]) -> None:
    """Print milliseconds per step by image size and batch size."""
    print("px      " + "".join(f"batch {batch:<8}" for batch in BATCHES))
    for size in SIZES:
        line, expected = f"{size:<8}", 0.0
        for batch in BATCHES:
            if expected > PATIENCE:
                line += f"{'-':14}"
                continue
            shape = [f"crop={size}", f"resize={size}", f"batch_size={batch}"]
            candidate = build_ours(name, [*settings, *shape])
            seconds = [candidate.measure() for _ in range(3)][1:]
            line += f"{1e3 * min(seconds):<14.0f}"
            expected = 4 * min(seconds)
        print(line, flush=True)


def spread(values: list[float], form: str) -> str:
    """Format the median and the extremes."""
    median = statistics.median(values)
    return f"{median:{form}} ({min(values):{form}} to {max(values):{form}})"


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Return the floating-point operations per second of a large matrix product, the best of 5."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = torch.randn(2, size, size, device=device).to(dtype).unbind()
    best = float("inf")
    for _ in range(6):
        began = clock()
        a @ b
        synchronise()
        best = min(best, clock() - began)
    return 2 * size**3 / best


def set_clock(name: str) -> None:
    """Choose what :func:`clock` reads from now on."""
    global clock
    clock = time.process_time if name == "cpu" else time.perf_counter


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory(reset: bool = False) -> float:
    """Return bytes at the peak, or now, of the GPU if there is one, else of the process."""
    if torch.cuda.is_available():
        if reset:
            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated()
        return torch.cuda.max_memory_allocated()
    if reset:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * float(fields["VmRSS" if reset else "VmHWM"].split()[0])


def describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU with {torch.get_num_threads()} of {os.cpu_count()} threads"


if __name__ == "__main__":
    main()
