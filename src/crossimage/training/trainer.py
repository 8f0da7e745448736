"""The training loop: makes steps, and keeps time, records, sheets and checkpoints between them.

A run's position is one integer, the number of its steps, so resuming is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import Config
from crossimage.data.loader import LoadedBatch, load_batches
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.unreadable import UnreadableFiles
from crossimage.methods.base import Batch, Method, Noise
from crossimage.training.best.evaluations import Evaluations
from crossimage.training.best.standing import BestSoFar
from crossimage.training.processes.communication import Processes
from crossimage.training.recorder import Recorder
from crossimage.training.schedule import timetable
from crossimage.training.schedule.speed import Speed
from crossimage.training.schedule.timetable import Due, Timetable
from crossimage.training.step.skipping import SkippedSteps
from crossimage.training.step.stepper import Stepper
from crossimage.training.stops import STOP_REQUESTED, StopRequests
from crossimage.utils.contact_sheet import Panel
from crossimage.utils.seeds import seed_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Trainer:
    """Trains a method on one process of a run; :meth:`fit` does all of it.

    Args:
        method: The method to train; moved to the fabric's device.
        config: Its configuration, including the intervals of logs, samples and checkpoints.
        dataset: Source of the samples.
        fabric: Launched Fabric: device, precision, processes.
        checkpoints: Keeps the training state.
        recorder: Shows and writes the progress.
        identity: Metadata stored in every checkpoint, by which a run is recognised.
        evaluations: Evaluates the run on its way; None: it is not.
    """

    def __init__(
        self,
        method: Method,
        config: Config,
        dataset: ImageDataset,
        fabric: Fabric,
        checkpoints: Checkpoints,
        recorder: Recorder,
        identity: dict[str, Any],
        evaluations: Evaluations | None = None,
    ) -> None:
        self.config, self.dataset, self.fabric = config, dataset, fabric
        self.clock = timetable.clock
        self.processes = Processes(fabric)
        self.checkpoints, self.recorder, self.identity = checkpoints, recorder, identity
        self.stepper = Stepper(method, config, fabric, self.processes, recorder)
        self.method = method
        self.seconds, self.speed = 0.0, Speed()
        self.tally = UnreadableFiles({d.name: len(d.train) for d in dataset.domains})
        self.saved, self.sampled = -1, -1
        self.evaluations = evaluations
        self._stops = StopRequests(recorder.listener.say)
        self._saving = False

    @property
    def step(self) -> int:
        """Number of completed steps."""
        return self.stepper.step

    @property
    def skipped(self) -> SkippedSteps:
        """Counts of the steps in which a move was skipped."""
        return self.stepper.skipped

    @property
    def standing(self) -> BestSoFar | None:
        """The best and the last figure of the run; None if it is not evaluated."""
        return self.evaluations.standing if self.evaluations else None

    @property
    def translating(self) -> Method:
        """The weights that translate: the running average if there is one."""
        return self.stepper.average or self.method

    def fit(self) -> int:
        """Train from the current step to the last, or until a signal requests a stop.

        Returns:
            0 if all steps are done, or the best figure has not improved for long enough; else the
            number of the signal that stopped the run, or ``STOP_REQUESTED``.

        Raises:
            ValueError: The data can't be used, training diverged, or a file can't be written.
        """
        config, recorder, processes = self.config, self.recorder, self.processes
        batches = self.batches()
        table = Timetable(self.seconds, self.clock)
        with (
            self._stops.listening(),
            recorder.recording(self.step, self.seconds),
            self._saved_on_error(),
        ):
            self._open_evaluations()
            if not self.step:
                self._sample()
                self._evaluate(alone=True)
            while self.step < config.steps and not self.is_exhausted:
                began = self.clock()
                micro_batches, problem = self.take(batches)
                waited = self.clock() - began
                failed, stop, due = processes.vote(
                    problem is not None, self._stop, self._due(table)
                )
                if failed:
                    self._end(problem)
                if stop:
                    break
                self._keep_time(Due(due), table)
                self.make_step(micro_batches, waited)
                self.seconds = table.seconds
                self._record(table, last=self.step == config.steps)
                if self.skipped.in_a_row >= config.max_skipped_steps:
                    self._give_up()
            if self.saved != self.step:
                self.save()
            if self.step < config.steps:
                self._sample()
                return 0 if self.is_exhausted else processes.agree(self._stop)
            return 0

    def batches(self) -> Iterator[LoadedBatch]:
        """Return the micro-batches from the current step on."""
        return load_batches(
            self.dataset, self.config, start=self.step, rank=self.fabric.global_rank,
            world=self.fabric.world_size, pin=self.fabric.device.type == "cuda",
        )  # fmt: skip

    def make_step(self, micro_batches: list[LoadedBatch], waited: float) -> None:
        """Compile what is not compiled, make a step, and measure it.

        Args:
            micro_batches: The step's images.
            waited: Seconds that it took to get them.
        """
        self.stepper.compile(micro_batches)
        began = self.clock()
        losses = self.stepper.train_step(micro_batches)
        self.processes.average(list(losses.values()))
        self.recorder.add(losses)
        self.speed.add(waited + self.clock() - began)

    @contextmanager
    def _saved_on_error(self) -> Iterator[None]:
        """Save the run before an error ends it.

        With several processes, an error in a single one cannot be followed by a save on all.
        """
        try:
            yield
        except Exception:
            if self.processes.count == 1 and not self._saving:
                self.stepper.abandon()
                self._save_what_is_there()
            raise

    def _save_what_is_there(self) -> None:
        """Save the run if it has made steps and its weights are finite."""
        if self.step == max(self.saved, 0):
            return
        with suppress(Exception):  # the error that ends the run is reported, not this one
            self.save(stopping=True)

    def _end(self, problem: str | None) -> None:
        """Save the run, and end it because this or another process cannot use the data."""
        self._save_what_is_there()
        with self.processes.together():
            if problem:
                raise self.recorder.unusable(problem)

    @property
    def _stop(self) -> int:
        """The reason to stop before the next step, as :meth:`fit` returns it; 0: continue."""
        return self._stops.number or STOP_REQUESTED * self.recorder.stop_requested

    def _due(self, table: Timetable) -> Due:
        """Return what the first process finds due by its clock; nothing on the others."""
        return table.due() if self.processes.first and self.speed.measured else Due(0)

    def _keep_time(self, due: Due, table: Timetable) -> None:
        """Do what is due by the clock, on all processes between the same two steps."""
        if due & (Due.LINE | Due.SHEET):
            with self.processes.together():
                if due & Due.LINE:
                    self.recorder.report(
                        self.step, self.seconds, self._last_rate, self.skipped.total, self.speed
                    )
                if due & Due.SHEET:
                    self._sample()
        if due & Due.CHECKPOINT:
            if self.saved != self.step:
                self.save()
            table.saved()

    def _record(self, table: Timetable, last: bool) -> None:
        """Log, sample and save after a step, each at its interval."""
        config, recorder = self.config, self.recorder
        intervals = config.log_every, config.sample_every, config.save_every
        log, sample, save = (last or self.step % interval == 0 for interval in intervals)
        improved = self._evaluate(alone=not log)
        if log or sample:
            with self.processes.together():
                if log and recorder.log(
                    self.step, self.seconds, self._last_rate, self.skipped.total
                ):
                    table.shown()
                if sample:
                    self._sample()
        if save or improved:
            self.save()
            table.saved()
        if improved:
            self._keep_best()

    @property
    def is_exhausted(self) -> bool:
        """Whether the best figure has not improved for so long that the run ends."""
        return bool(self.standing and self.standing.exhausted)

    def _open_evaluations(self) -> None:
        """Check that the run can be evaluated."""
        if self.evaluations:
            with self.processes.together():
                if self.processes.first:
                    self.evaluations.open(self.translating, self.fabric.device)

    def _evaluate(self, *, alone: bool) -> bool:
        """Evaluate the model if it is time, and return whether a file of the best one is due.

        A checkpoint of the same step has to be written before that file: if a kill comes in
        between, the continued run writes it. The model before the first step needs no checkpoint,
        as it is made again.

        Args:
            alone: Whether no row of losses is written at this step.
        """
        evaluations, processes = self.evaluations, self.processes
        if evaluations is None or not evaluations.is_due(self.step):
            return False
        found = None
        with processes.together():
            if processes.first:
                found = evaluations.compute(self.translating, self.fabric.device, self.step)
        found = processes.gather(found)[0]  # the first process decides for all
        if found is None:
            return False
        improved = evaluations.note(self.step, found)
        rate = self.stepper.learning_rate(max(self.step - 1, 0))
        self.recorder.evaluated(evaluations, self.seconds, rate, alone=alone)
        if improved and not self.step:
            self._keep_best()
        return improved and self.step > 0

    def _keep_best(self) -> None:
        """Write the file of the best model, on the first process."""
        with self.processes.together():
            if self.processes.first and self.evaluations:
                self.evaluations.keep(self.translating)
                self.evaluations.write()

    @property
    def _last_rate(self) -> float:
        """The learning rate of the last step."""
        return self.stepper.learning_rate(self.step - 1)

    def _sample(self) -> None:
        """Write the sample sheet of this step."""
        if self.sampled != self.step:
            self.recorder.sample(self.step, self.preview)
            self.sampled = self.step

    def _give_up(self) -> None:
        """Save the run, and end it because too many steps in a row were skipped.

        Raises:
            ValueError: Always; the message says what to do.
        """
        if self.saved != self.step:
            self.save()
        with self.processes.together():
            raise self.recorder.stuck(self.skipped.in_a_row)

    def save(self, *, stopping: bool = False) -> None:
        """Write a checkpoint and the model file, on the first process.

        Args:
            stopping: Save although too many images are unreadable.

        Raises:
            ValueError: The weights are not finite, or a file can't be written.
        """
        self._saving = True
        with self.processes.together(), suppress(ValueError) if stopping else nullcontext():
            self._share_unreadable()
        memories = self.processes.gather({k: v.cpu() for k, v in self.method.memory().items()})
        with self.processes.together():
            if not self.stepper.all_finite():
                raise self.recorder.diverged(f"a weight is not finite at step {self.step}")
            if self.processes.first:
                # The model comes first: a run with its last checkpoint is not continued.
                self.recorder.model(self.translating)
                self.checkpoints.save(self.step, self.state() | {"memories": memories})
        self.saved = self.step
        self._saving = False

    def state(self) -> dict[str, Any]:
        """Return the state that a continued run needs, without that of single processes."""
        return {
            **self.stepper.state(),
            "seconds": self.seconds,
            "unreadable": self.tally.state(),
            "recorder": self.recorder.state(),
            **({"validation": self.evaluations.plain()} if self.evaluations else {}),
            **self.identity,
        }

    def _share_unreadable(self) -> None:
        """Share with every process which images the others could not read."""
        for state in self.processes.gather(self.tally.state()):
            self.tally.merge(state)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.stepper.restore(state)
        self.seconds, self.saved = state["seconds"], state["step"]
        try:
            self.tally.merge(self.dataset.still_unreadable(state["unreadable"]))
        except ValueError as error:
            raise self.recorder.unusable(str(error)) from None
        self.recorder.restore(state["recorder"])
        if self.evaluations and "validation" in state:
            self.evaluations.restore(
                BestSoFar.from_plain(state["validation"]), self.translating, self.step,
                first=self.processes.first,
            )  # fmt: skip

    def take(self, batches: Iterator[LoadedBatch]) -> tuple[list[LoadedBatch], str | None]:
        """Return the step's micro-batches on the device, or why there are none."""
        micro_batches = []
        for _ in range(self.config.accumulate):
            batch = next(batches)
            if batch.error:
                return [], batch.error
            try:
                self.tally.add(batch.unreadable)
            except ValueError as error:
                return [], str(error)
            micro_batches.append(self.on_device(batch))
        return micro_batches, None

    def on_device(self, batch: LoadedBatch) -> LoadedBatch:
        """Move a batch to the device."""
        device = self.fabric.device
        images = {d: self.to_device(images) for d, images in batch.images.items()}
        labels = {d: labels.to(device, non_blocking=True) for d, labels in batch.labels.items()}
        return replace(batch, images=images, labels=labels)

    def to_device(self, images: Tensor) -> Tensor:
        """Move images (N, C, H, W) to the device, channels-last."""
        return images.to(self.fabric.device, memory_format=torch.channels_last, non_blocking=True)

    def preview(self, inputs: LoadedBatch) -> list[Panel]:
        """Make the panels of the sample sheet for fixed inputs."""
        device = self.fabric.device
        count = next(iter(inputs.images.values())).shape[0]
        whole = slice(0, count)
        fixed = Noise(seed_of(self.config.seed, "fixed"), count, whole, device)
        fresh = Noise(seed_of(self.config.seed, "fresh", self.step), count, whole, device)
        given = self.on_device(inputs)
        with self.evaluating() as method:
            return method.preview(Batch(given.images, fixed, given.labels, self.step), fresh)

    @contextmanager
    def evaluating(self) -> Iterator[Method]:
        """Lend the weights that translate, in evaluation mode and without gradients."""
        method = self.translating
        method.eval()
        try:
            with torch.no_grad(), self.fabric.autocast(), self.stepper.uncompiled():
                yield method
        finally:
            method.train(method is self.method)
