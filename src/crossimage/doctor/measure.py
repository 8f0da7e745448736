"""Seconds and memory of a training step, measured by a few real ones in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from crossimage.utils.texts.counts import counted

if TYPE_CHECKING:  # what only the process that trains imports
    from crossimage.config import Config
    from crossimage.data.samples.datasets import ImageDataset
    from crossimage.methods.base import Method
    from crossimage.training.trainer import Trainer

LIMIT = 60.0
"""Seconds that a measurement takes at most, starting the process included."""

_STEPS = 6  # besides the first, which is slower
_ENOUGH = 10.0  # seconds of steps after which no further one is begun


@dataclass(frozen=True)
class Estimate:
    """What training on this device takes, estimated from its first steps.

    Attributes:
        device: The device's name.
        steps: Steps that were measured, besides the first one if there are any.
        seconds: Seconds per step: the median of those measured. Infinite if not even one step
            ended in time.
        memory: Largest memory of the process in bytes, on an accelerator that of its tensors; None
            if unknown.
        total: Steps that are configured.
        accelerated: Whether the device is not a CPU.
    """

    device: str
    steps: int
    seconds: float
    memory: int | None
    total: int
    accelerated: bool = False

    @property
    def total_seconds(self) -> float:
        """Seconds that all configured steps take, without sample sheets and checkpoints."""
        return self.seconds * self.total


class CannotTrainError(ValueError):
    """Training would stop at its beginning; the message says why."""


def measure(
    recipe: str, data: object, overrides: Mapping[str, Any], limit: float | None = None
) -> Estimate:
    """Measure a few training steps in another process.

    Args:
        recipe: A recipe, method or YAML file.
        data: The data set, as ``find_source`` takes it, of paths that JSON can hold.
        overrides: Settings that override the recipe's.
        limit: Seconds after which the process is ended; None: :data:`LIMIT`.

    Raises:
        CannotTrainError: Training stops before its first step.
        RuntimeError: The process ended for another reason, such as a lack of memory.
    """
    request = json.dumps({"recipe": recipe, "data": data, "overrides": overrides}, default=str)
    process = subprocess.Popen(
        [sys.executable, "-m", "crossimage.doctor.measure"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", errors="replace",
    )  # fmt: skip
    late = False
    try:
        said, complaint = process.communicate(request, timeout=limit or LIMIT)
    except subprocess.TimeoutExpired:
        late = True
        process.kill()
        said, complaint = process.communicate()
    facts: dict[str, Any] = {}
    times: list[float] = []
    for line in said.splitlines():
        if line.startswith("{"):
            answer = json.loads(line)
            facts |= answer
            times += [answer["seconds"]] if "seconds" in answer else []
    if "problem" in facts:
        raise CannotTrainError(facts["problem"])
    if "total" not in facts or (not times and not late):
        last = complaint.strip().splitlines()[-1:] or ["their process was ended"]
        reason = f"none began within {limit or LIMIT:g} s" if late else last[0]
        raise RuntimeError(f"steps could not be measured: {reason}")
    later = sorted(times[1:] or times)
    seconds = later[len(later) // 2] if later else float("inf")
    return Estimate(
        facts["device"],
        len(later),
        seconds,
        facts.get("memory"),
        facts["total"],
        facts["accelerated"],
    )


def time_training(request: Mapping[str, Any], say: Any) -> None:
    """Make a few training steps, and report what they took.

    Args:
        request: Recipe, data and overrides of :func:`measure`.
        say: Receives dictionaries: the device and the configured steps, then the seconds of each
            step and the memory so far; or a problem.
    """
    from crossimage.checkpoints.training_state import Checkpoints
    from crossimage.training.listener import Listener
    from crossimage.training.processes.communication import Processes
    from crossimage.training.processes.fabric import open_fabric
    from crossimage.training.processes.threads import RunThreads
    from crossimage.training.recorder import Recorder
    from crossimage.training.step.game import check_players
    from crossimage.training.trainer import Trainer
    from crossimage.utils.devices import find_device
    from crossimage.utils.writing.scratch import scratch_folder

    try:
        config, dataset, method = _prepared(request)
        total = config.steps
        threads = RunThreads(Listener())
        threads.choose(config, method, None, 1, find_device("auto"))
        fabric = open_fabric(config.precision, 1)
        threads.share(Processes(fabric))
        accelerated = fabric.device.type != "cpu"
        say({"total": total, "device": _name_of(fabric.device), "accelerated": accelerated})
        check_players(method)
        method.build_fixed_networks()
        with scratch_folder() as folder:
            checkpoints = Checkpoints(folder, keep=1)
            recorder = Recorder(
                folder, Listener(), total, config.page_every, {}, {}, False, lambda: None
            )
            trainer = Trainer(method, config, dataset, fabric, checkpoints, recorder, {})
            _time_steps(trainer, min(total, 1 + _STEPS), say)
    except (ValueError, OSError) as error:
        say({"problem": str(error)})


def _prepared(request: Mapping[str, Any]) -> tuple[Config, ImageDataset, Method]:
    """Return the config, without compilation, the dataset and the networks of a request.

    Raises:
        ValueError: The settings are invalid, or the method cannot read the data.
    """
    from crossimage.config import build
    from crossimage.data.build import build_dataset, find_source
    from crossimage.data.sources.domains.data_set import read_data_set
    from crossimage.methods import find_method
    from crossimage.recipes import resolve
    from crossimage.training.checks import check_config

    name, settings = resolve(request["recipe"])
    method_class = find_method(name, request["recipe"])
    config = build(method_class.Config, settings, request["overrides"])
    needs = method_class.data_needs(config, request["overrides"])
    source = find_source(read_data_set(request["data"]), config, **needs)
    config = config.complete(source.facts)
    check_config(method_class, config, 1)
    config = replace(config, compile=False)
    return config, build_dataset(source, config), method_class(config)


def _time_steps(trainer: Trainer, steps: int, say: Any) -> None:
    """Make training steps, and report the seconds that each took and the memory so far."""
    batches = trainer.batches()
    device = trainer.fabric.device.type
    began = time.monotonic()
    for step in range(steps):
        start = time.monotonic()
        loaded, problem = trainer.take(batches)
        if problem:
            raise ValueError(problem)
        trainer.stepper.train_step(loaded)
        if device == "cuda":
            torch.cuda.synchronize()
        elif device == "mps":
            torch.mps.synchronize()
        say({"step": step, "seconds": time.monotonic() - start, "memory": _memory()})
        if time.monotonic() - began > _ENOUGH:
            break


def _name_of(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple's GPU"
    return f"this CPU, {counted(torch.get_num_threads(), 'thread')}"


def _memory() -> int | None:
    """Return the largest memory so far in bytes; None if the system does not tell."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    time_training(json.load(sys.stdin), lambda answer: print(json.dumps(answer), flush=True))
