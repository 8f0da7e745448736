"""Number of steps that fit into a given time, measured by steps that are then discarded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from crossimage.config import Config
from crossimage.training.schedule import timetable
from crossimage.training.schedule.durations import option
from crossimage.training.schedule.lengths import finishing, scaled, starts
from crossimage.training.schedule.request import Request
from crossimage.training.schedule.speed import Speed
from crossimage.training.trainer import Trainer
from crossimage.utils.contact_sheet import sheet
from crossimage.utils.texts.counts import counted

C = TypeVar("C", bound=Config)

_SHARE, _LONGEST = 0.05, 10.0
"""Time that a stage is tried for, as a share of the time of the run and in seconds; at least two
steps are made."""


def fit_to_time(
    config: C, request: Request, build: Callable[[], Trainer], say: Callable[[str], object]
) -> C:
    """Return a config whose run takes as long as requested.

    Args:
        config: The config.
        request: The time, which includes that of the trial.
        build: Returns a trainer of this config, which is used for the trial and discarded.
        say: Receives a sentence about the result.

    Raises:
        ValueError: The time is too short.
    """
    clock = timetable.clock
    began = clock()
    trainer = build()
    step, processes = trainer.step, trainer.processes
    stages = starts(config, step)
    seconds, for_sheet = _measure(trainer, stages, request.seconds)
    for_figures = _measure_evaluation(trainer)
    left = request.seconds - (clock() - began)
    shown = 2 + sum(time < left for time in timetable.SHEETS)
    each = seconds + for_sheet / config.sample_every
    if config.evaluate_every:
        each += for_figures / config.evaluate_every
        left -= 2 * for_figures  # of the first and the last step
    count = int((left - shown * for_sheet) / each)
    # the first process decides for all
    count, milliseconds = processes.gather((count, 1000 * seconds))[0]
    device = "GPU" if trainer.fabric.device.type != "cpu" else "CPU"
    if count < len(stages):
        rest = shown * for_sheet + 2 * for_figures + len(stages) * seconds
        need = (clock() - began) + rest * 1.5
        shortest = _round_up(max(2 * need, 1.5 * request.seconds))
        raise ValueError(
            f"{request} is too short: it leaves no time for "
            f"{'a step' if len(stages) == 1 else f'{len(stages)} steps, one per stage'} after "
            f"those that are timed, and a step takes {milliseconds / 1000:.2g} s on this {device}; "
            f"try {request.name} {option(shortest)}"
        )
    if request.finish:
        count = min(count, config.steps - step)
        fitted = finishing(config, step, count)
        whole = f"{counted(count, 'further step')}, up to step {fitted.steps:,},"
    else:
        fitted = scaled(config, count)
        whole = counted(count, "step")
    say(f"{request}: {whole} of {milliseconds / 1000:.2g} s on this {device}")
    return fitted


def _measure(trainer: Trainer, stages: list[int], seconds: float) -> tuple[float, float]:
    """Return the mean seconds of a step over all stages, and those of a sample sheet."""
    clock = timetable.clock
    patience = min(_LONGEST, _SHARE * seconds)
    config, processes, total = trainer.config, trainer.processes, 0.0
    for start, end in zip(stages, [*stages[1:], config.steps], strict=True):
        trainer.stepper.step, trainer.speed = start, Speed()
        batches = trainer.batches()
        since = None
        while True:
            began = clock()
            micro_batches, problem = trainer.take(batches)
            if processes.agree(problem is not None):
                break  # the run itself says what is wrong
            trainer.make_step(micro_batches, clock() - began)
            since = clock() if since is None else since  # after the first step, and compilation
            enough = trainer.speed.known and clock() - since >= patience
            if processes.agree(processes.first and enough):
                break
        total += (end - start) * trainer.speed.seconds_per_step
    began = clock()
    if processes.first:
        sheet([
            panel
            for inputs in trainer.recorder.inputs.values()
            for panel in trainer.preview(inputs)
        ])  # fmt: skip
    return max(total / (config.steps - stages[0]), 1e-6), clock() - began


def _measure_evaluation(trainer: Trainer) -> float:
    """Return the seconds of an evaluation on the first process; 0 if the run has none."""
    evaluations, processes = trainer.evaluations, trainer.processes
    if evaluations is None:
        return 0.0
    clock, device = timetable.clock, trainer.fabric.device
    with processes.together():
        if processes.first:
            evaluations.open(trainer.translating, device)
    began = clock()
    with processes.together():
        if processes.first:
            evaluations.compute(trainer.translating, device, trainer.step)
    return clock() - began


def _round_up(seconds: float) -> float:
    """Round up to a whole number of tens of seconds, or of minutes."""
    unit = 10 if seconds < 120 else 60
    return math.ceil(seconds / unit) * unit
