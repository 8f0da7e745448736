"""What a run writes while it trains: the table of losses, sample sheets, TensorBoard, its page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crossimage.checkpoints.model_file import save_model
from crossimage.data.loader import LoadedBatch
from crossimage.methods.base import Method
from crossimage.training.listener import Listener, TrainingProgress
from crossimage.training.loss_table import LossRow, append_row, drop_rows_after
from crossimage.training.run_page import write_page
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.files import atomic


@dataclass
class _Losses:
    """Sums of the losses of consecutive steps with the same terms, kept on the device.

    Attributes:
        names: The terms.
        sums: Their sums.
        finite: For every term, the number of steps before its first non-finite sum.
        count: Number of steps.
    """

    names: list[str]
    sums: Tensor
    finite: Tensor
    count: int


class Recorder:
    """Records a run and reports to its listener; checks the losses on every process.

    Args:
        run: The run's folder.
        listener: Receives progress and messages.
        steps: Steps of the whole run.
        page_every: Steps between two updates of the run's page.
        facts: What the run's page says about it.
        inputs: Fixed inputs of the sample sheets by split.
        writes: False on all processes but the first, which then write and report nothing.
        newest: Returns the newest checkpoint, for messages.

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
    ) -> None:
        self.run, self.listener, self.facts = run, listener, facts
        self.steps, self.page_every = steps, page_every
        self.inputs, self.writes, self.newest = inputs, writes, newest
        self.stop_requested = False
        self._losses: list[_Losses] = []
        self._board: Any = None
        self._last_page = 0

    @contextmanager
    def recording(self, step: int, seconds: float) -> Iterator[None]:
        """Open the logs of a run at ``step``; rows that a killed run wrote after it are dropped."""
        self._last, self._last_page = (step, seconds), step
        if not self.writes:
            yield
            return
        from torch.utils.tensorboard import SummaryWriter

        (self.run / "samples").mkdir(exist_ok=True)
        drop_rows_after(self.run / "metrics.csv", step)
        self.page()
        self._board = SummaryWriter(self.run / "logs", purge_step=step + 1)
        hook, threading.excepthook = threading.excepthook, _ignore_file_errors
        try:
            with self.listener.watch(step, self.steps, self.page_every):
                yield
        except BaseException:
            with suppress(OSError):  # the first error says more
                self._board.close()
            raise
        else:
            self._board.close()
            self.page()
        finally:
            threading.excepthook = hook

    def add(self, losses: dict[str, Tensor]) -> None:
        """Add a step's losses to the running sums; nothing is read from the device."""
        names, values = list(losses), torch.stack(list(losses.values()))
        if not self._losses or self._losses[-1].names != names:  # the first, or another stage
            zeros = torch.zeros_like(values)
            self._losses.append(_Losses(names, zeros, zeros, 0))
        last = self._losses[-1]
        # sums that come from a checkpoint are still on the CPU
        last.sums = last.sums.to(values.device) + values
        last.finite = last.finite.to(values.device) + last.sums.isfinite()
        last.count += 1
        if self.writes:
            self.listener.advance()

    def state(self) -> dict[str, Any]:
        """Return the sums since the last row: a continued run must write the same next row."""
        return {"losses": [(part.names, part.sums, part.count) for part in self._losses]}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`state` returned."""
        self._losses = [
            _Losses(names, sums, torch.full_like(sums, count), count)
            for names, sums, count in state["losses"]
        ]

    def log(self, step: int, seconds: float, learning_rate: float) -> None:
        """Write and report the mean losses since the last row.

        Raises:
            ValueError: A loss is not finite.
        """
        if not self._losses:
            return
        self.check(step)
        losses: dict[str, float] = {}
        for part in self._losses:
            losses |= zip(part.names, (part.sums / part.count).tolist(), strict=True)
        self._losses = []
        last_step, last_seconds = self._last
        rate = (step - last_step) / max(seconds - last_seconds, 1e-9)
        self._last = (step, seconds)
        if not self.writes:
            return
        append_row(self.run / "metrics.csv", LossRow(step, seconds, learning_rate, losses))
        for name, value in losses.items():
            self._board.add_scalar(name, value, step)
        self._board.add_scalar("learning_rate", learning_rate, step)
        progress = TrainingProgress(step, self.steps, seconds, rate, learning_rate, losses)
        self.facts["step"] = f"{step:,} of {self.steps:,}"
        self.facts |= {"speed": progress.speed, "time left": progress.time_left}
        if step - self._last_page >= self.page_every:
            self._last_page = step
            self.page()
        if not self.listener.log(progress):
            self.stop_requested = True

    def check(self, step: int) -> None:
        """Check that all losses since the last row are finite.

        Raises:
            ValueError: Names the first term that is not finite, and its step.
        """
        before = step - sum(part.count for part in self._losses)
        for part in self._losses:
            finite = part.finite.tolist()
            good = min(finite)
            if good < part.count:
                name = part.names[finite.index(good)]
                raise self.diverged(before + int(good) + 1, name, "not finite")
            before += part.count

    def sample(self, step: int, preview: Callable[[LoadedBatch], list[Panel]]) -> None:
        """Write a sample sheet of the fixed inputs and update the run's page."""
        if not self.writes:
            return
        panels = [
            Panel(f"{title} · {split} images", columns)
            for split, inputs in self.inputs.items()
            for title, columns in preview(inputs)
        ]
        image = sheet(panels)
        with atomic(self.run / "samples" / f"step-{step:08d}.png") as file:
            image.save(file, "PNG")
        self._board.add_image("samples", np.asarray(image), step, dataformats="HWC")
        self.page()

    def model(self, method: Method) -> None:
        """Write the model file; a kill after this loses no scalars of TensorBoard."""
        self._board.flush()
        save_model(self.run / "model.safetensors", method)

    def page(self) -> None:
        """Write the run's page."""
        write_page(self.run, title=self.run.resolve().name, facts=self.facts)

    def diverged(self, step: int, name: str, value: str) -> ValueError:
        """Return the error of a run whose numbers are no longer finite."""
        good = self.newest()
        return ValueError(
            f"training diverged: {name} is {value} at step {step}; "
            + (f"the last good checkpoint is {good}" if good else "there is no checkpoint yet")
            + "; a lower learning_rate or precision=fp32 may help"
        )


def _ignore_file_errors(failed: threading.ExceptHookArgs) -> None:
    """Keep a full disk quiet in TensorBoard's thread: its writer raises it again when called."""
    if not issubclass(failed.exc_type, OSError):
        threading.__excepthook__(failed)
