"""Checks that a run passes before it writes anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from crossimage.config import EARLIER_DEFAULTS, Config, build, differences, micro_batch_size
from crossimage.methods.base import Method
from crossimage.training.fabric import arithmetic, world_of

MAY_CHANGE = frozenset(
    {
        "steps",
        "workers",
        "max_skipped_steps",
        "log_every",
        "page_every",
        "sample_every",
        "sample_count",
        "save_every",
        "keep",
    }
)
"""Settings that a continued run may change: they do not change what a step computes. The number of
steps does if the learning rate falls towards the last one."""


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
    if devices < 1:
        raise ValueError(f"devices must be at least 1, found {devices}")
    processes = world_of(devices)
    micro_batch_size(config.batch_size, config.accumulate, processes, method.batch_multiple)
    if config.precision == "fp16" and not torch.cuda.is_available():
        raise ValueError("precision=fp16 needs a CUDA device; use bf16, fp32 or auto")


def check_continues(
    run: Path, state: Mapping[str, Any], name: str, config: Config, fingerprint: Mapping[str, str]
) -> None:
    """Check that a run can be continued: same method, config, data and arithmetic.

    Args:
        run: The run's folder.
        state: Its checkpoint.
        name: The method's name.
        config: The settings now.
        fingerprint: The data now, by domain.

    Raises:
        ValueError: Something differs; all differences are named.
    """
    saved = dict(state["config"])
    method = saved.pop("method")
    if method != name:
        raise ValueError(f"{run} holds a run of {method}, not of {name}; choose another folder")
    before = build(type(config), EARLIER_DEFAULTS, saved, source=str(run))
    may_change = MAY_CHANGE - {"steps"} if config.decay_steps else MAY_CHANGE
    changes = differences(before, config, ignore=may_change.__contains__)
    changes += [
        f"images of {domain}: {state['data'].get(domain)} -> {now}"
        for domain, now in fingerprint.items()
        if state["data"].get(domain) != now
    ]
    used, now = state["arithmetic"], arithmetic(config.precision)
    if used != now and before.precision == config.precision:
        changes.append(f"what precision=auto means here: {used} -> {now}; set precision={used}")
    if changes:
        raise ValueError(
            f"{run} holds a run of another config ({'; '.join(changes)}); use the same settings "
            f"to continue it, or choose another folder"
        )
