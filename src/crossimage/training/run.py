"""A training run: from a recipe, a folder of data and a run folder to a trained model."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.panel import Panel as Box

from crossimage.checkpoints.load import load_networks
from crossimage.checkpoints.training_state import Checkpoints, lock
from crossimage.config import Config, build, differences, to_dict, write_yaml
from crossimage.data.build import build_dataset, find_source
from crossimage.data.datasets import Images
from crossimage.data.sampler import StepSampler
from crossimage.data.sources.folders import Split
from crossimage.methods import METHODS
from crossimage.methods.base import Method
from crossimage.recipes import resolve
from crossimage.training.environment import environment
from crossimage.training.fabric import arithmetic, is_first, open_fabric, world_of
from crossimage.training.recorder import Recorder
from crossimage.training.trainer import Trainer
from crossimage.utils.files import write_text
from crossimage.utils.seeds import seed_of

MAY_CHANGE = frozenset(
    {
        "steps",
        "workers",
        "log_every",
        "page_every",
        "sample_every",
        "sample_count",
        "save_every",
        "keep",
    }
)
"""Settings that a continued run may change: they don't change what a step computes, unless, for
the number of steps, the learning rate falls towards the last one."""


def train(
    recipe: str,
    data: str,
    out: Path,
    overrides: Mapping[str, Any],
    *,
    init: Path | None = None,
    devices: int = 1,
) -> int:
    """Train a method, or continue the run in ``out`` where it holds a checkpoint.

    Args:
        recipe: A recipe's or method's name, or a YAML file.
        data: A folder of images, list files or tables, see :func:`find_source`.
        out: The run's folder.
        overrides: Settings that override the recipe's, nested.
        init: A model file, or run, whose weights a new run starts from; its networks are those of
            the run where recipe and overrides don't say otherwise.
        devices: Processes of this machine, each with its own device; under ``torchrun`` its
            processes count instead.

    Returns:
        0, or 128 + the number of the signal that stopped the run; of several processes, the first
            one speaks for the run.

    Raises:
        ValueError: Settings, data or run folder can't be used, or the training diverged.
        FileNotFoundError: There is no such recipe, folder or file.
    """
    name, settings = resolve(recipe)
    if name not in METHODS:
        raise ValueError(f"{recipe}: there is no method '{name}'; known are {', '.join(METHODS)}")
    method = METHODS[name]
    networks = network_settings(init, name) if init else {}
    config = build(method.Config, networks, settings, overrides, source=recipe)
    source = find_source(data, config, method.layout, method.needs_labels(config))
    config = config.complete(source.facts)
    dataset = build_dataset(source, config)
    if devices < 1:
        raise ValueError(f"devices must be at least 1, found {devices}")
    StepSampler(config.batch_size, config.accumulate, world=world_of(devices))
    part, share = config.batch_size // config.accumulate // world_of(devices), method.batch_multiple
    if part % share:
        raise ValueError(
            f"{name} needs a multiple of {share} images at a time, and a process sees {part}; "
            f"choose another batch_size, accumulate or number of processes"
        )
    if config.precision == "fp16" and not torch.cuda.is_available():
        raise ValueError("precision=fp16 needs a CUDA device; use bf16, fp32 or auto")
    try:
        with _folder(out) if is_first() else nullcontext():
            return _train(name, data, dataset, out, init, devices)
    except OSError as error:
        if error.errno is None:
            raise
        good = Checkpoints(out, config.keep).newest_path()
        raise ValueError(
            f"cannot write to {error.filename or out}: {error.strerror or error}; "
            + (f"the newest checkpoint is {good}" if good else "there is no checkpoint yet")
            + "; the same command continues the run once that is mended"
        ) from error


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """Have the run's folder to oneself; one that was made in vain is removed."""
    new = not out.exists()
    with lock(out):
        try:
            yield
        except BaseException:
            if new and os.listdir(out) == [".lock"]:
                (out / ".lock").unlink()
                out.rmdir()
            raise


def _train(
    name: str, data: str, dataset: Images, out: Path, init: Path | None, devices: int
) -> int:
    # Paths shall come out as they are: brackets are no markup, and long lines are not broken.
    console = Console(markup=False, highlight=False, soft_wrap=True, quiet=not is_first())
    config = dataset.config
    fingerprint = dataset.fingerprint()
    checkpoints = Checkpoints(out, config.keep)
    found = checkpoints.load_newest(lambda sentence: console.print(sentence, style="yellow"))
    if found:
        _compare(name, config, fingerprint, out, found[1])
        told = not _classifies(name) or (out / "accuracy.json").is_file()
        if found[0] >= config.steps and told:
            console.print(f"{out} has made its {found[0]} steps; to train on: {_longer(config)}")
            return 0

    fabric = open_fabric(config.precision, devices)
    torch.manual_seed(seed_of(config.seed, "initialisation"))
    method = METHODS[name](config)
    method.build_fixed_networks()
    if init and not found:
        _start_from(method, init)
    # images made of noise have no inputs, and would be shown twice
    splits: tuple[Split, ...] = ("train", "test") if method.targets else ("train",)
    recorder = Recorder(
        out,
        console,
        config.steps,
        config.page_every,
        {"method": name, "data": data, "images": _counts(dataset)},
        {split: dataset.fixed(split, config.sample_count) for split in splits},
        fabric.is_global_zero,
        checkpoints.newest_path,
    )
    labels = {
        "config": {"method": name, **to_dict(config)},
        "data": fingerprint,
        "arithmetic": arithmetic(config.precision),
    }
    trainer = Trainer(method, config, dataset, fabric, checkpoints, recorder, labels)
    if found:
        trainer.restore(found[1])
        console.print(f"continuing {out} from step {trainer.step}")
    if fabric.is_global_zero:
        write_text(out / "config.yaml", write_yaml({"method": name, **to_dict(config)}))
        write_text(out / "environment.json", json.dumps(environment(data, fabric), indent=2))
    del found
    console.print(f"training {name} on {_counts(dataset)} for {config.steps} steps in {out}")
    stopped_by = trainer.fit()
    if _classifies(name) and not stopped_by and fabric.is_global_zero:
        _report_accuracies(trainer, recorder, out, console)
    _say_goodbye(console, trainer, out, stopped_by)
    return 128 + stopped_by if stopped_by and fabric.is_global_zero else 0


def _classifies(name: str) -> bool:
    return bool(METHODS[name].labelled)


def _report_accuracies(trainer: Trainer, recorder: Recorder, out: Path, console: Console) -> None:
    """Write the share of the test images that the final weights classify rightly."""
    accuracies = trainer.accuracies()
    write_text(out / "accuracy.json", json.dumps(accuracies, indent=2))
    for domain, share in accuracies.items():
        recorder.facts[f"accuracy on the test images of {domain}"] = f"{share:.2%}"
        console.print(f"accuracy on the test images of {domain}: {share:.2%}")
    recorder.page()


def _compare(
    name: str, config: Config, fingerprint: dict[str, str], out: Path, state: dict[str, Any]
) -> None:
    """Refuse to continue a run of another method, config or data."""
    saved = dict(state["config"])
    method = saved.pop("method")
    if method != name:
        raise ValueError(f"{out} holds a run of {method}, not of {name}; choose another --out")
    old = build(METHODS[method].Config, saved, source=str(out))
    may_change = MAY_CHANGE - {"steps"} if config.decay_steps else MAY_CHANGE
    changes = differences(old, config, ignore=may_change.__contains__)
    changes += [
        f"images of {d}: {state['data'].get(d)} -> {now}"
        for d, now in fingerprint.items()
        if state["data"].get(d) != now
    ]
    used, now = state["arithmetic"], arithmetic(config.precision)
    if used != now and old.precision == config.precision:
        changes.append(f"what precision=auto means here: {used} -> {now}; set precision={used}")
    if changes:
        raise ValueError(
            f"{out} holds a run of another config ({'; '.join(changes)}); use the same settings "
            f"to continue it, or choose another --out"
        )


def network_settings(init: Path, name: str) -> dict[str, Any]:
    """The settings of a model that are the method's own: not data, optimisation and rhythm."""
    source = load_networks(init)
    if type(source) is not METHODS[name]:
        raise ValueError(f"{init} holds {type(source).__name__}, not {METHODS[name].__name__}")
    common = {field.name for field in dataclasses.fields(Config)} - {"channels"}
    return {
        key: value
        for key, value in to_dict(source.config).items()
        if key not in common | set(source.run_settings)
    }


def _start_from(method: Method, init: Path) -> None:
    """Take over the weights of a model."""
    source = load_networks(init)
    if source.labels and method.labels and source.labels.names != method.labels.names:
        raise ValueError(
            f"{init} has the labels {', '.join(source.labels.names)}, and this run "
            f"{', '.join(method.labels.names)}; choose the same with attributes, in this order"
        )
    weights, mine = source.tensors(), method.state_dict()
    for key, value in weights.items():
        if key not in mine or mine[key].shape != value.shape:
            expected = tuple(mine[key].shape) if key in mine else "no such tensor"
            raise ValueError(
                f"{init}: {key} has shape {tuple(value.shape)}, expected {expected}; leave out the "
                f"settings that differ from those of the model"
            )
    method.load_state_dict(weights, strict=False)


def _counts(images: Images) -> str:
    return " and ".join(f"{len(d.train)} images of {d.name}" for d in images.domains)


def _longer(config: Config) -> str:
    """How to train longer than a finished run."""
    if config.decay_steps:
        return "--init with this model in another --out"  # the learning rate has come to its end
    return "the same command with a larger steps"


def _say_goodbye(console: Console, trainer: Trainer, out: Path, stopped_by: int) -> None:
    unreadable = trainer.tally.summary()
    if unreadable:
        console.print(unreadable, style="yellow")
    if stopped_by:
        command = shlex.join(["crossimage", *sys.argv[1:]])
        console.print(f"stopped at step {trainer.step} and saved; to continue:\n  {command}")
        return
    method = trainer.method
    if not method.targets:
        task, use = "make images:     ", ["crossimage", "sample", str(out)]
    else:
        to = method.labels.names[-1] if method.labels else method.names[method.targets[-1]]
        task, use = "translate images:", ["crossimage", "translate", str(out), "IMAGES", "--to", to]
    text = (
        f"model    {out / 'model.safetensors'}\n"
        f"samples  {out / 'samples'}\n"
        f"page     {out / 'index.html'}\n\n"
        f"{task}  {shlex.join(use)} --out DIR\n"
        f"train on:          {_longer(trainer.config)}"
    )
    console.print(Box(text, title=f"{trainer.step} steps", expand=False), soft_wrap=False)
