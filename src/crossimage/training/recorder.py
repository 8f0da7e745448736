"""What a run shows and writes while it trains: bar, rows of losses, sample sheets, its page."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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

from crossimage.checkpoints.model_file import save_model
from crossimage.data.loader import LoadedBatch
from crossimage.methods.base import Method
from crossimage.training.run_page import write_page
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.files import atomic, write_text


@dataclass
class _Losses:
    """Sums of the losses of some steps that had the same terms, kept on the device.

    Attributes:
        names: The terms.
        sums: Their sums.
        finite: Of every term, how many steps there were before the first bad one.
        count: Steps.
    """

    names: list[str]
    sums: Tensor
    finite: Tensor
    count: int


class Recorder:
    """Shows and records a run; on all processes but the first it only watches for divergence.

    Args:
        run: The run's folder.
        console: Where the bar and messages go; quiet on all processes but the first.
        steps: Steps of the whole run, for the bar.
        page_every: Steps between two renewals of the run's page.
        facts: What the run's page says about it.
        inputs: Fixed inputs of the sample sheets by split.
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
        inputs: dict[str, LoadedBatch],
        writes: bool,
        newest: Callable[[], Path | None],
    ) -> None:
        self.run, self.console, self.facts = run, console, facts
        self.steps, self.page_every = steps, page_every
        self.inputs, self.writes, self.newest = inputs, writes, newest
        self._losses: list[_Losses] = []
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
        names, values = list(losses), torch.stack(list(losses.values()))
        if not self._losses or self._losses[-1].names != names:  # the first, or another stage
            zeros = torch.zeros_like(values)
            self._losses.append(_Losses(names, zeros, zeros, 0))
        last = self._losses[-1]
        # sums that come from a checkpoint are still on the CPU
        last.sums = last.sums.to(values.device) + values
        last.finite = last.finite.to(values.device) + last.sums.isfinite()
        last.count += 1
        if self._bar:
            self._bar.advance(self._task)

    def state(self) -> dict[str, Any]:
        """The sums since the last row: a continued run must write the same next row."""
        return {"losses": [(part.names, part.sums, part.count) for part in self._losses]}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`state` returned."""
        self._losses = [
            _Losses(names, sums, torch.full_like(sums, count), count)
            for names, sums, count in state["losses"]
        ]

    def log(self, step: int, seconds: float, learning_rate: float) -> None:
        """Write the mean losses since the last row.

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
        before = step - sum(part.count for part in self._losses)
        for part in self._losses:
            finite = part.finite.tolist()
            good = min(finite)
            if good < part.count:
                name = part.names[finite.index(good)]
                raise self.diverged(before + int(good) + 1, name, "not finite")
            before += part.count

    def sample(self, step: int, preview: Callable[[LoadedBatch], list[Panel]]) -> None:
        """Write a sample sheet of the fixed inputs and renew the run's page."""
        if not self.writes:
            return
        panels = [
            Panel(f"{title} · {split} images", columns)
            for split, inputs in self.inputs.items()
            for title, columns in preview(inputs)
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
        path = self.run / "metrics.csv"
        header = _header(path)
        if not row.keys() <= set(header):  # the first row, or the first one of a stage
            header += [name for name in row if name not in header]
            _widen(path, header)
        with open(path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, header).writerow(row)


def _header(path: Path) -> list[str]:
    """The columns of a table, if there is one."""
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _widen(path: Path, header: list[str]) -> None:
    """Write a table again with more columns, or an empty one."""
    rows: list[dict[str, str]] = []
    if path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


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
