"""Recording of a run: the table of losses, sample sheets, TensorBoard, and its page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crossimage.checkpoints.model_file import save_model
from crossimage.data.loader import LoadedBatch
from crossimage.data.stores.addresses import is_lost
from crossimage.methods.base import Method
from crossimage.training.advice.use import UsageHint
from crossimage.training.best.evaluations import Evaluations
from crossimage.training.listener import Listener, TrainingProgress
from crossimage.training.loss_table import LossRow, append_row, drop_rows_after
from crossimage.training.result import TrainingResult
from crossimage.training.resume import read_facts
from crossimage.training.run_page import write_page
from crossimage.training.schedule.forecast import Forecast
from crossimage.training.schedule.speed import Speed
from crossimage.training.step.skipping import SkippedMove
from crossimage.training.step.spikes import SpikeWatch
from crossimage.training.tensorboard import Board, quiet_threads
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.files import write_text
from crossimage.utils.sheet_files import is_spaced, save_sheet
from crossimage.utils.texts.shown import as_sentence

VALIDATION = "validation"
"""What the figures of evaluations are listed under, as losses are under their player."""

_SPLITS = {"train": "training"}
"""Names of splits on sheets, where they differ from those of folders."""
_REPORTED = 3
"""Number of skipped steps that are reported one by one; further ones are only counted."""


class Recorder:
    """Records a run and reports to its listener.

    Apart from the model, everything it writes is for people to read. If some of that cannot be
    written, it warns once and the run goes on.

    Args:
        run: The run's folder.
        listener: Receives progress and messages.
        steps: Steps of the whole run.
        page_every: Steps between two updates of the run's page.
        facts: Facts for the run's page, by caption.
        inputs: Fixed inputs of the sample sheets by split.
        writes: False on all processes but the first, which then write and report nothing.
        newest: Returns the newest checkpoint, for messages.
        forecast: Says how long a long run will take; None: the run is not a new one.
        use: What uses the model, for the page.

    Attributes:
        stop_requested: Whether the listener has asked to stop.
    """

    def __init__(
        self,
        run: Path,
        listener: Listener,
        steps: int,
        page_every: int,
        facts: dict[str, str],
        inputs: dict[str, LoadedBatch],
        writes: bool,
        newest: Callable[[], Path | None],
        forecast: Forecast | None = None,
        use: UsageHint | None = None,
    ) -> None:
        self._use = use
        self.run, self.listener, self.facts = run, listener, facts
        self.steps, self.page_every = steps, page_every
        self.inputs, self.writes, self.newest = inputs, writes, newest
        self.stop_requested = False
        self._forecast = forecast
        self._latest: dict[str, float] = {}
        # sums and counts of the finite values since the last row, for each set of terms
        self._losses: dict[tuple[str, ...], Tensor] = {}
        self._figures: dict[str, float] = {}  # of this step's evaluation, for its row
        self._board: Board | None = None
        self._last_page = self._last_image = 0
        self._failed: set[str] = set()
        self._spikes = SpikeWatch()
        self._last_skipped: SkippedMove | None = None
        self._result: TrainingResult | None = None

    @contextmanager
    def recording(self, step: int, seconds: float) -> Iterator[None]:
        """Open the logs of a run at ``step``; rows that a killed run wrote after it are dropped."""
        self._last, self._last_page = (step, seconds), step
        if not self.writes:
            yield
            return
        with quiet_threads():
            with self._accessory("metrics.csv"):
                # a run that begins anew has no rows, not even one of the model before it
                if aside := drop_rows_after(self.run / "metrics.csv", step or -1):
                    self._warn_of_foreign_table(aside)
            self.page()
            self._board = board = Board(self.run / "logs", step)
            with self._accessory("the log for TensorBoard"):
                board.open()
            try:
                with self.listener.watch(step, self.steps):
                    yield
            finally:
                board.close()
            self.page()

    @contextmanager
    def _accessory(self, what: str) -> Iterator[None]:
        """Warn once, rather than stop the run, if something in this context fails."""
        try:
            yield
        except Exception as error:  # image libraries and TensorBoard raise errors of all kinds
            if what not in self._failed:
                self._failed.add(what)
                reason = error.strerror if isinstance(error, OSError) else None
                self.listener.warn(
                    f"{what} can't be written in {self.run} "
                    f"({reason or f'{type(error).__name__}: {error}'}); the run goes on without it"
                )

    def _warn_of_foreign_table(self, aside: Path) -> None:
        self.listener.warn(
            f"{self.run / 'metrics.csv'} was changed by another program; it is kept as "
            f"{aside.name}, and the losses go on in a new metrics.csv"
        )

    def add(self, losses: dict[str, Tensor]) -> None:
        """Add a step's finite losses to the running sums, without reading from the device."""
        if losses:
            names, values = tuple(losses), torch.stack(list(losses.values()))
            finite = values.isfinite()
            new = torch.stack([torch.where(finite, values, 0), finite.to(values.dtype)])
            before = self._losses.get(names)
            # sums that come from a checkpoint are still on the CPU
            self._losses[names] = new if before is None else before.to(new.device) + new
        if self.writes:
            self.listener.advance()

    def skip(self, move: SkippedMove, before: int) -> None:
        """Report a skipped move.

        Args:
            move: The move.
            before: Number of steps skipped earlier.
        """
        self._last_skipped = move
        if self.writes and before < _REPORTED:
            only_counted = "; further ones are only counted" if before + 1 == _REPORTED else ""
            self.listener.warn(f"skipped a move without a trace: {move}{only_counted}")

    def state(self) -> dict[str, Any]:
        """Return the sums since the last row, so that a continued run writes the same next row."""
        losses = [(list(names), *sums) for names, sums in self._losses.items()]
        return {"losses": losses}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`state` returned; the counts were one number in older runs."""
        self._losses = {
            tuple(names): torch.stack([sums, torch.zeros_like(sums) + counts])
            for names, sums, counts in state["losses"]
        }

    def log(self, step: int, seconds: float, learning_rate: float, skipped: int = 0) -> bool:
        """Write and report the mean losses since the last row.

        Args:
            step: Steps made so far.
            seconds: Training time so far.
            learning_rate: Learning rate of the last step.
            skipped: Number of steps in which a move was skipped.

        Returns:
            Whether a line of progress was due, every ``page_every`` steps.
        """
        last_step, last_seconds = self._last
        if step == last_step:
            return False
        losses = self._latest = self._means()
        self._losses = {}
        rate = (step - last_step) / max(seconds - last_seconds, 1e-9)
        self._last = (step, seconds)
        if not self.writes:
            return False
        if sentence := self._spikes.found(losses):
            self.listener.warn(f"step {step:,}: {sentence}")
        self._write_row(LossRow(step, seconds, learning_rate, losses | self._figures))
        self._figures = {}
        due = step - self._last_page >= self.page_every
        progress = TrainingProgress(step, self.steps, seconds, rate, learning_rate, losses, skipped)
        self._show(progress, due)
        return due

    def _write_row(self, row: LossRow) -> None:
        """Write a row to the table and to TensorBoard."""
        with self._accessory("metrics.csv"):
            if aside := append_row(self.run / "metrics.csv", row):
                self._warn_of_foreign_table(aside)
        if self._board is not None:
            with self._accessory("the log for TensorBoard"):
                self._board.scalars({**row.losses, "learning_rate": row.learning_rate}, row.step)

    def evaluated(
        self, evaluations: Evaluations, seconds: float, learning_rate: float, *, alone: bool
    ) -> None:
        """Write and report the figures of an evaluation.

        Args:
            evaluations: The evaluations, of which this is the last.
            seconds: Training time so far.
            learning_rate: Learning rate of the last step.
            alone: Whether the figures have a row of their own; otherwise they are part of the row
                of losses that follows.
        """
        standing = evaluations.standing
        if not self.writes or standing.last is None:
            return
        figures = {f"{VALIDATION}/{name}": value for name, value in standing.figures.items()}
        if alone:
            self._write_row(LossRow(standing.last.step, seconds, learning_rate, figures))
        else:
            self._figures = figures
        evaluations.say()
        if standing.best:
            self.facts["best model"] = standing.describe(standing.best)
        if standing.best != standing.last:  # otherwise it follows the file of the model
            with self._accessory("validation.json"):
                evaluations.write()

    def report(
        self, step: int, seconds: float, learning_rate: float, skipped: int, speed: Speed
    ) -> None:
        """Report the progress between two rows, and how long a long run will take.

        Args:
            step: Steps made so far.
            seconds: Training time so far.
            learning_rate: Learning rate of the last step.
            skipped: Number of steps in which a move was skipped.
            speed: The speed so far.
        """
        if not self.writes:
            return
        losses = self._means() or self._latest
        progress = TrainingProgress(
            step, self.steps, seconds, speed.rate, learning_rate, losses, skipped
        )
        if self._forecast and speed.known:
            if sentence := self._forecast(self.steps, speed.seconds_per_step):
                self.listener.say(sentence)
            self._forecast = None
        self._show(progress, line=True)

    def _show(self, progress: TrainingProgress, line: bool) -> None:
        """Pass the progress on to the listener and, where a line is due, to the run's page."""
        step = progress.step
        self.facts["step"] = f"{step:,} of {self.steps:,}"
        self.facts |= {"speed": progress.speed, "time left": progress.time_left}
        if progress.skipped_steps:
            self.facts["steps with skipped moves"] = f"{progress.skipped_steps:,} of {step:,}"
        if line:
            self._last_page = step
            self.page()
        if not self.listener.log(progress, line):
            self.stop_requested = True

    def _means(self) -> dict[str, float]:
        """Return each term's mean since the last row; terms without finite values are left out."""
        sums: dict[str, float] = {}
        counts: dict[str, float] = {}
        for names, part in self._losses.items():
            for name, total, count in zip(names, *part.tolist(), strict=True):
                sums[name] = sums.get(name, 0.0) + total
                counts[name] = counts.get(name, 0.0) + count
        return {name: sums[name] / count for name, count in counts.items() if count}

    def sample(self, step: int, preview: Callable[[LoadedBatch], list[Panel]]) -> None:
        """Write a sample sheet of the fixed inputs and update the run's page."""
        if not self.writes:
            return
        with self._accessory("a sample sheet"):
            panels = [
                Panel(f"{title} · {_SPLITS.get(split, split)} images", columns)
                for split, inputs in self.inputs.items()
                for title, columns in preview(inputs)
            ]
            image = sheet(panels)
            save_sheet(image, self.run, step)
            if self._board is not None and is_spaced(step, self._last_image):
                self._last_image = step
                with self._accessory("the log for TensorBoard"):
                    self._board.image(image, step)
        self.page()

    def model(self, method: Method) -> None:
        """Write the model file; a kill after this loses no scalars of TensorBoard."""
        if self._board is not None:
            with self._accessory("the log for TensorBoard"):
                self._board.flush()
        save_model(self.run / "model.safetensors", method)

    def page(self) -> None:
        """Write the run's page."""
        warnings = {"warnings": " · ".join(map(as_sentence, self.listener.warnings))}
        facts = self.facts | (warnings if self.listener.warnings else {})
        with self._accessory("the page index.html"):
            title = self.run.resolve().name
            ended = self.listener.next_commands(self._result) if self._result else None
            write_page(self.run, title=title, facts=facts, use=self._use, ended=ended)

    def ended(self, result: TrainingResult) -> None:
        """Write the page of a run that has finished or was stopped, with the commands to go on."""
        if not self.writes:
            return
        self._result = result
        self.facts.pop("time left", None)
        self.facts["step"] = f"{result.step:,} of {self.steps:,}"
        self.facts["state"] = "stopped" if result.stopped_by else "finished"
        if result.stopped_early:
            self.facts["state"] = "ended early"
        self.page()

    def diverged(self, reason: str) -> ValueError:
        """Return the error of a run that cannot go on because numbers are not finite."""
        if self.writes:
            with self._accessory("environment.json"):
                path = self.run / "environment.json"
                facts = read_facts(path) | {"diverged": reason}
                write_text(path, json.dumps(facts, indent=2))
        good = self.newest()
        change = "a lower learning_rate or precision=fp32"
        again = self.listener.again(self.run, init=True)
        return ValueError(
            f"training diverged: {reason}; "
            + (
                f"the last good checkpoint is {good}; to go on from it with {change}, start a new "
                f"run with {again} and that setting"
                if good
                else f"there is no checkpoint yet; start a new run with another --out and {change}"
            )
        )

    def unusable(self, problem: str) -> ValueError:
        """Return the error of a run that cannot go on because of its data."""
        good = self.newest()
        if good is None:
            return ValueError(f"{problem}; then run it again")
        if is_lost(problem):
            return ValueError(
                f"{problem}; the run is saved in {good}, and the same command continues it"
            )
        return ValueError(
            f"{problem}; the run is saved in {good}: after files were removed or repaired, "
            f"{self.listener.again(self.run)} continues it; with other settings, "
            f"{self.listener.again(self.run, init=True)} starts from its weights"
        )

    def stuck(self, steps: int) -> ValueError:
        """Return the error of a run that skipped so many steps in a row."""
        return self.diverged(
            f"{steps} steps in a row had to be skipped, at the last of which {self._last_skipped}"
        )
