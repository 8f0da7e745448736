"""What a run shows and writes while it trains: bar, rows of losses, sample sheets, its page."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor

from crossimage.files import atomic, write_text
from crossimage.methods.base import Method, Panel
from crossimage.modelfile import save_model
from crossimage.runpage import write_page
from crossimage.sheets import sheet

Images = dict[str, Tensor]


class Recorder:
    """Shows and records a run; on all processes but the first it only watches for divergence.

    Args:
        run: The run's folder.
        console: Where the bar and messages go; quiet on all processes but the first.
        steps: Steps of the whole run, for the bar.
        page_every: Steps between two renewals of the run's page.
        facts: What the run's page says about it.
        inputs: Fixed inputs of the sample sheets by split, one tensor a domain.
        writes: False on all processes but the first.
        newest: Gives the newest checkpoint, for messages.
    """

    def __init__(
        self,
        run: Path,
        console: Console,
        steps: int,
        page_every: int,
        facts: dict[str, str],
        inputs: dict[str, Images],
        writes: bool,
        newest: Callable[[], Path | None],
    ) -> None:
        self.run, self.console, self.facts = run, console, facts
        self.steps, self.page_every = steps, page_every
        self.inputs, self.writes, self.newest = inputs, writes, newest
        self._names: list[str] = []
        self._sums: Tensor | None = None
        self._finite: Tensor | None = None
        self._count = 0
        self._board: Any = None
        self._bar: Progress | None = None
        self._paged = 0

    @contextmanager
    def recording(self, step: int, seconds: float) -> Iterator[None]:
        """Open the bar and the logs; rows after ``step``, of a run that was killed, are dropped."""
        self._last, self._paged = (step, seconds), step
        if not self.writes:
            yield
            return
        from torch.utils.tensorboard import SummaryWriter

        (self.run / "samples").mkdir(exist_ok=True)
        _cut(self.run / "metrics.csv", step)
        self.page()
        self._board = SummaryWriter(self.run / "logs", purge_step=step + 1)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self.console,
            disable=not self.console.is_terminal,
            speed_estimate_period=600,
        )
        self._task = self._bar.add_task(
            "training", total=self.steps, completed=step, rate="", losses=""
        )
        hook, threading.excepthook = threading.excepthook, _leave_to_next_call
        try:
            with self._bar:
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
        assert self._names in ([], list(losses)), "every step has the same loss terms"
        values = torch.stack(list(losses.values()))
        self._names = list(losses)
        if self._sums is None or self._finite is None:
            self._sums, self._finite = torch.zeros_like(values), torch.zeros_like(values)
        # sums that come from a checkpoint are still on the CPU
        self._sums = self._sums.to(values.device) + values
        # counts up to the first bad step
        self._finite = self._finite.to(values.device) + self._sums.isfinite()
        self._count += 1
        if self._bar:
            self._bar.advance(self._task)

    def state(self) -> dict[str, Any]:
        """The sums since the last row: a continued run must write the same next row."""
        return {"names": self._names, "sums": self._sums, "count": self._count}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`state` returned."""
        self._names, self._sums, self._count = state["names"], state["sums"], state["count"]
        if self._sums is not None:
            self._finite = torch.full_like(self._sums, self._count)

    def log(self, step: int, seconds: float, learning_rate: float) -> None:
        """Write the mean losses since the last row.

        Raises:
            ValueError: A loss is not finite.
        """
        if self._sums is None:
            return
        self.check(step)
        losses = dict(zip(self._names, (self._sums / self._count).tolist(), strict=True))
        self._sums, self._count = None, 0
        before, then = self._last
        rate = (step - before) / max(seconds - then, 1e-9)
        self._last = (step, seconds)
        if not self.writes:
            return
        row = {"step": step, "seconds": f"{seconds:.2f}", "learning_rate": f"{learning_rate:.6g}"}
        self._append(row | {name: f"{value:.6g}" for name, value in losses.items()})
        for name, value in losses.items():
            self._board.add_scalar(name, value, step)
        self._board.add_scalar("learning_rate", learning_rate, step)
        text = " ".join(
            f"{name.split('/')[0][0]}/{name.split('/')[1]} {v:.3g}" for name, v in losses.items()
        )
        speed = f"{rate:.2f} it/s" if rate >= 0.1 else f"{1 / rate:.1f} s/it"
        left = _duration((self.steps - step) / rate)
        self.facts |= {"step": f"{step:,} of {self.steps:,}", "speed": speed, "time left": left}
        assert self._bar is not None
        self._bar.update(self._task, rate=speed, losses=text)
        if step - self._paged >= self.page_every:
            self._paged = step
            self.page()
            if not self.console.is_terminal:
                self.console.print(f"step {step}/{self.steps} · {speed} · {left} left · {text}")

    def check(self, step: int) -> None:
        """Refuse losses since the last row of which one is not finite.

        Raises:
            ValueError: The term that was the first not to be finite, and its step.
        """
        if self._finite is None:
            return
        finite = self._finite.tolist()
        good = min(finite)
        if good < self._count:
            first = step - self._count + int(good) + 1
            raise self.diverged(first, self._names[finite.index(good)], "not finite")

    def sample(self, step: int, preview: Callable[[Images], list[Panel]]) -> None:
        """Write a sample sheet of the fixed inputs and renew the run's page."""
        if not self.writes:
            return
        panels = [
            Panel(f"{title} · {split} images", columns)
            for split, images in self.inputs.items()
            for title, columns in preview(images)
        ]
        picture = sheet(panels)
        with atomic(self.run / "samples" / f"step-{step:08d}.png") as file:
            picture.save(file, "PNG")
        self._board.add_image("samples", np.asarray(picture), step, dataformats="HWC")
        self.page()

    def model(self, method: Method) -> None:
        """Write the model file; a kill from here on costs no scalars of TensorBoard."""
        self._board.flush()
        save_model(self.run / "model.safetensors", method)

    def page(self) -> None:
        """Write the run's page."""
        write_page(self.run, title=self.run.resolve().name, facts=self.facts)

    def diverged(self, step: int, name: str, value: str) -> ValueError:
        """The error of a run whose numbers are no longer finite."""
        good = self.newest()
        return ValueError(
            f"training diverged: {name} is {value} at step {step}; "
            + (f"the last good checkpoint is {good}" if good else "there is no checkpoint yet")
            + "; a lower learning_rate or precision=fp32 may help"
        )

    def _append(self, row: dict[str, Any]) -> None:
        with open(self.run / "metrics.csv", "a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if not file.tell():
                writer.writeheader()
            writer.writerow(row)


def _cut(path: Path, step: int) -> None:
    """Drop the rows of metrics.csv after a step, and one that a kill has torn."""
    if not path.is_file():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    whole = [r for r in rows if r.endswith("\n") and int(r.partition(",")[0]) <= step]
    write_text(path, "".join([header, *whole]) if whole else "")


def _leave_to_next_call(failed: threading.ExceptHookArgs) -> None:
    """Keep a full disk quiet in TensorBoard's thread: its writer raises it again when called."""
    if not issubclass(failed.exc_type, OSError):
        threading.__excepthook__(failed)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
