"""Training for Python users."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from crossimage.checkpoints.addresses import model_path
from crossimage.data.sources.domains.data_set import Data, read_data_set
from crossimage.training.advice.call import Call
from crossimage.training.best.validator import OwnValidator, Validate
from crossimage.training.listener import TrainingProgress
from crossimage.training.notebook.bar import listener_for
from crossimage.training.processes.fabric import world_of
from crossimage.training.result import TrainingResult
from crossimage.training.run import run_training
from crossimage.utils.paths import as_path
from crossimage.validation.by_metric import by_metric


def train(
    recipe: str | Path,
    /,
    data: Data,
    out: str | Path | None = None,
    *,
    init_from: str | Path | None = None,
    budget: str | None = None,
    finish: str | None = None,
    device: str = "auto",
    accept_data_change: bool = False,
    on_progress: Callable[[TrainingProgress], object] | None = None,
    validate: Validate | None = None,
    **settings: Any,
) -> TrainingResult:
    """Train a method, or continue the run in ``out`` from its newest checkpoint.

    Runs in this process, in any of its threads. In a notebook it shows its messages and a progress
    bar, unless ``on_progress`` is given; elsewhere it prints nothing. An interrupted run is
    continued by the same call, and ends with the same weights to the last bit. In the main thread,
    Ctrl-C, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU stop the run after the current step; it is
    saved, and then the signal takes its usual effect (``KeyboardInterrupt`` for Ctrl-C).

    Args:
        recipe: Name of a recipe (``munit/edges2shoes``) or method (``munit``), or a ``.yaml`` file.
        data: The data set, as ``crossimage train --data`` takes it: a folder, the folder of each
            domain (``"cats=DIR,dogs=DIR"``) or tables of labels; or the paths of each domain by its
            name, ``{"cats": paths, "dogs": paths}``: a folder, or a list of folders or images.
        out: The run's folder. By default ``runs/<data>-<method>-001``: an unfinished run for which
            the same was asked is continued, and otherwise the next number is taken.
        init_from: A run, model file or checkpoint, whose networks and weights a new run starts
            from.
        budget: Time for a new run, such as ``"90s"``, ``"20m"``, ``"2h"`` or ``"1d"``.
            Some steps are timed first, and then the number of steps is chosen and the schedule
            scaled to it. The run records them, so that the same call continues it.
        finish: Time within which a run already started ends: its learning rate falls to 0 by then.
            The run records the last step, so that the same call continues it.
        device: Where to compute: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        accept_data_change: Continue a run although its images have changed, for example because
            unreadable ones were removed; the run records the change.
        on_progress: Called whenever losses are logged, every ``log_every`` steps, and after 10 and
            30 seconds and 2, 5 and 10 minutes; the run is saved and stops if it returns False.
            ``print`` shows a line each time.
        validate: Evaluates the model every ``evaluate_every`` steps, in place of ``best_metric``:
            takes a :class:`crossimage.Translator` and returns numbers by name, such as
            ``{"accuracy": 0.9}``. More of the first, or of the one that ``best_metric`` names, is
            better.
        **settings: Settings that override the recipe's, such as ``steps=1000``, ``crop=(64, 64)``
            or ``weights={"cycle": 10}``.

    Returns:
        The model, the sample sheets, the losses and how the run ended.

    Raises:
        ValueError: The settings, data or folder cannot be used, or the training diverged.
        FileNotFoundError: The recipe, a folder or a file does not exist.

    Example:
        >>> result = crossimage.train("munit", data="shoes", out="runs/shoes", steps=1000)
        >>> model = result.load()
    """
    images = read_data_set(data)
    if "devices" in settings or world_of(1) > 1:
        raise ValueError(
            "crossimage.train uses one process; for several, use the command line: "
            "`crossimage train --devices N`, or torchrun"
        )
    figure = str(settings.get("best_metric", ""))
    if validate and not settings.get("evaluate_every"):
        raise ValueError("validate is called every evaluate_every steps; set evaluate_every, too")
    given = {
        "out": out, "init_from": init_from, "budget": budget, "finish": finish,
        "device": None if device == "auto" else device,
        "accept_data_change": accept_data_change or None, "on_progress": on_progress,
        "validate": validate,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    listener = listener_for(on_progress, Call(str(recipe), {"data": data, **given, **settings}))
    start = model_path(init_from, "init_from") if init_from is not None else None
    generators = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=generators):
        result = run_training(
            str(recipe),
            images,
            None if out is None else as_path(out, "out"),
            settings,
            init_from=start,
            budget=budget,
            finish=finish,
            device=device,
            accept_data_change=accept_data_change,
            validator=partial(OwnValidator, validate, figure) if validate else by_metric,
            listener=listener,
        )
    if result.stopped_by not in (None, "on_progress"):
        sentence = f"stopped at step {result.step} and saved; the same call continues {result.run}"
        try:
            signal.raise_signal(signal.Signals[result.stopped_by])
        except KeyboardInterrupt as interruption:
            interruption.add_note(sentence)
            raise
    return result
