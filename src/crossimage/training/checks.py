"""Checks that a run passes before it writes anything."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from crossimage.config import EARLIER_DEFAULTS, Config, build, differences, micro_batch_size
from crossimage.data.sources.domains.data_set import DataSet
from crossimage.data.sources.folders import Domain
from crossimage.data.stores.missing import missing
from crossimage.methods.base import Method
from crossimage.training.listener import Listener
from crossimage.training.processes.fabric import arithmetic, world_of
from crossimage.utils.numbers import whole
from crossimage.utils.texts.shown import first_line

MAY_CHANGE = frozenset(
    {
        "steps",
        "workers",
        "threads",
        "max_skipped_steps",
        "log_every",
        "page_every",
        "sample_every",
        "sample_count",
        "save_every",
        "keep",
        "evaluate_every",  # but not from or to 0, which changes the training images
        "patience",
        "halves",  # of the data, which is compared itself; earlier versions did not keep these two
        "pair_aspect",
    }
)
"""Settings that a continued run may change: they do not change the computation of a step. The
number of steps does if the learning rate decays towards the last one; the number of threads changes
the last bits, and the run says so."""


def check_config(method: type[Method], config: Config, devices: int) -> None:
    """Check that these processes on this hardware can train with a config.

    Args:
        method: The method's class.
        config: The settings.
        devices: Processes of this machine.

    Raises:
        ValueError: The batch cannot be divided among the processes, or the hardware lacks the
            precision.
    """
    processes = world_of(whole(devices, "devices", 1))
    micro_batch_size(
        config.batch_size, config.accumulate, processes, method.needs_batches_of(config)
    )
    if config.augment and "discriminators" not in method.player_order:
        raise ValueError(
            f"augment changes what discriminators see, and {method.__name__} has none; leave it out"
        )
    if config.precision == "fp16" and not torch.cuda.is_available():
        raise ValueError("precision=fp16 needs a CUDA device; use bf16, fp32 or auto")


def check_files(method: type[Method], config: Config) -> None:
    """Check that the files of fixed networks that settings name are there.

    Raises:
        FileNotFoundError: One is not.
    """
    folders = {companion.folder for companion in method.companions(config).values()}
    for name, value in ((each.name, getattr(config, each.name)) for each in fields(config)):
        if isinstance(value, Path) and value not in folders and not value.exists():
            raise missing(str(value), name)


def check_apart_from_data(out: Path, data: DataSet, domains: Sequence[Domain]) -> None:
    """Refuse a run among the images of a data set, whose folder would be left out from then on.

    Args:
        out: The run's folder.
        data: The data set; only the folder of a whole data set is searched for others.
        domains: The domains.

    Raises:
        ValueError: The folder holds training images, and is inside the data set's folder.
    """
    if not isinstance(data, str) or Path(data).resolve() not in out.resolve().parents:
        return
    folder = out.resolve()
    for domain in domains:
        images = (path for path in domain.train if folder in path.resolve().parents)
        if image := next(images, None):
            raise ValueError(
                f"{out} holds training images of {domain.name}, such as {image}; the folder of a "
                "run is left out when images are searched for, so that it could not be continued; "
                "choose another --out"
            )


def data_changes(state: Mapping[str, Any], fingerprint: Mapping[str, str]) -> list[str]:
    """Return the differences between the images of a run and of its checkpoint, as lines."""
    return [
        f"images of {domain}: {state['data'].get(domain)} -> {now}"
        for domain, now in fingerprint.items()
        if state["data"].get(domain) != now
    ]


def check_continues(
    run: Path,
    state: Mapping[str, Any],
    method: type[Method],
    name: str,
    config: Config,
    new_data: Sequence[str],
    listener: Listener,
    device: str = "auto",
) -> None:
    """Check that a run can be continued: same method, config, data and arithmetic.

    Args:
        run: The run's folder.
        state: Its checkpoint.
        method: The method's class.
        name: The method's name.
        config: The settings now.
        new_data: Changes of the data that are not accepted.
        listener: Names the commands that the user can run instead.
        device: Where the run goes on.

    Raises:
        ValueError: Something differs; all differences are named.
    """
    saved = dict(state["config"])
    trained = saved.pop("method")
    if trained != name:
        raise ValueError(f"{run} holds a run of {trained}, not of {name}; choose another folder")
    before = build(type(config), EARLIER_DEFAULTS, saved, source=str(run))
    fixed_length = bool(before.decay_steps or config.decay_steps)
    may_change = MAY_CHANGE - {"steps"} if fixed_length else MAY_CHANGE
    used, now = state["arithmetic"], arithmetic(config.precision, device)
    if used == now:  # "auto" may be replaced by what it stands for
        may_change |= {"precision"}
    if bool(before.evaluate_every) != bool(config.evaluate_every):
        may_change -= {"evaluate_every", "patience"}
    changes = differences(before, config, ignore=may_change.__contains__)
    if used != now and before.precision == config.precision:
        changes.append(f"precision=auto on this machine: {used} -> {now}; set precision={used}")
    if not changes and not new_data:
        return
    problem = f"{run} holds a run with other settings ({'; '.join([*changes, *new_data])})"
    if not changes:
        raise ValueError(
            f"{problem}; use the same images to continue it, or if the change is intended, such as "
            f"files that were removed, continue with {listener.again(run)}"
        )
    if _same_networks(method, before, config):
        rest = (
            "to start a new run with the new settings from its weights, use "
            f"{listener.again(run, init=True)}"
        )
    else:
        rest = "its weights do not fit the new settings: to start afresh, choose another folder"
    if before.decay_steps and before.steps != config.steps:
        last = before.steps
        problem += f"; its length is fixed, since its learning rate decays until step {last}"
    if "evaluate_every" not in may_change:
        problem += "; evaluations can't be turned on or off, since they hold out training images"
    if fixed_length and state["step"] >= before.steps:
        raise ValueError(f"{problem}; it has finished its {before.steps} steps; {rest}")
    resume = f"crossimage train --resume {shlex.quote(str(run))}"
    sooner = fixed_length and config.steps < before.steps
    raise ValueError(
        f"{problem}; to continue it, leave these changes out, as `{resume}` does"
        + (" (with `--finish 20m` it ends in that time)" if sooner else "")
        + f"; only {'' if fixed_length else 'its number of steps, '}its workers, its threads and "
        f"the settings of its output, such as sample_every, may change; {rest}"
    )


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Turn errors of values that do not fit a run into a sentence about their checkpoint.

    Raises:
        ValueError: Something in the context failed.
    """
    try:
        yield
    except ValueError as error:
        if str(path.parent.parent) in str(error):  # a sentence on the run already
            raise
        raise ValueError(_unfit(path, error)) from None
    except (AttributeError, LookupError, RuntimeError, TypeError) as error:
        raise ValueError(_unfit(path, error)) from None


def _unfit(path: Path, error: Exception) -> str:
    return (
        f"{path} does not fit this run ({first_line(error)}); remove it to continue from the "
        "checkpoint before it"
    )


def _same_networks(method: type[Method], before: Config, now: Config) -> bool:
    """Return whether the networks that translate have the same shapes."""
    try:
        with torch.device("meta"):
            old, new = (
                method(config, training=False).tensors(*method.inference_players)
                for config in (before, now)
            )
    except Exception:  # a method may need real weights in its constructor
        return False
    return {k: v.shape for k, v in old.items()} == {k: v.shape for k, v in new.items()}
