"""How a training run reports to the program that started it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crossimage.training.schedule.durations import duration

if TYPE_CHECKING:
    from crossimage.training.advice.call import Call
    from crossimage.training.result import TrainingResult


@dataclass(frozen=True)
class TrainingProgress:
    """The progress of a training run; its text is one line, so ``print`` can be the callback.

    Attributes:
        step: Completed steps.
        steps: Steps of the whole run.
        seconds: Training time so far, including the time before the run was continued.
        rate: Steps per second since the last report.
        learning_rate: Learning rate of the last step.
        losses: Mean of each loss term since the last report, by ``player/term``.
        skipped_steps: Steps so far with a move that was skipped, since its loss or gradients were
            not finite.
    """

    step: int
    steps: int
    seconds: float
    rate: float
    learning_rate: float
    losses: Mapping[str, float]
    skipped_steps: int = 0

    @property
    def seconds_left(self) -> float:
        """Estimated seconds until the last step."""
        return (self.steps - self.step) / self.rate

    @property
    def speed(self) -> str:
        """The rate with its unit: ``5.21 it/s``, or ``14.3 s/it`` for slow steps."""
        return f"{self.rate:.2f} it/s" if self.rate >= 0.1 else f"{1 / self.rate:.1f} s/it"

    @property
    def time_left(self) -> str:
        """Time until the last step, such as ``2 min 05 s``."""
        return duration(self.seconds_left)

    @property
    def short_losses(self) -> str:
        """The losses with their players' initials: ``d/adversarial 0.25 g/cycle 1.3``."""
        names = (name.partition("/") for name in self.losses)
        short = (f"{player[0]}/{term}" for player, _, term in names)
        return " ".join(
            f"{name} {value:.3g}" for name, value in zip(short, self.losses.values(), strict=True)
        )

    def __str__(self) -> str:
        """Return one line: step, speed, time left, skipped steps if there are any, losses."""
        skipped = f"{self.skipped_steps} skipped · " if self.skipped_steps else ""
        return (
            f"step {self.step}/{self.steps} · {self.speed} · {self.time_left} left · {skipped}"
            f"{self.short_losses}"
        )


class Listener:
    """Receives the reports of a run without showing them.

    The command line's listener prints; :func:`crossimage.train` passes the progress on to a
    callback.

    Args:
        on_progress: Called whenever losses are logged, and by the clock; the run stops if it
            returns False.
        call: The call of :func:`crossimage.train` that runs; None: it is another program's.

    Attributes:
        warnings: The warnings so far.
    """

    def __init__(
        self,
        on_progress: Callable[[TrainingProgress], object] | None = None,
        call: Call | None = None,
    ) -> None:
        self.on_progress, self.call = on_progress, call
        self.warnings: list[str] = []

    def say(self, sentence: str) -> None:
        """Receive a sentence about the current activity of the run."""

    def warn(self, sentence: str) -> None:
        """Receive a warning; the run goes on."""
        self.warnings.append(sentence)

    def again(self, out: Path, *, init: bool = False) -> str:
        """Return how to run the same command again, for messages that suggest it.

        Args:
            out: The run's folder.
            init: As a new run that starts from the weights of this one; otherwise this run
                continues with changed data.
        """
        if init:
            return (
                f"the same command with --init {out} and another --out (in Python: init_from=... "
                "and another out)"
            )
        return "the same command with --accept-data-change (in Python: accept_data_change=True)"

    def next_commands(self, result: TrainingResult) -> dict[str, str]:
        """Return the commands or calls that come next after a run, by purpose, for its page.

        Args:
            result: The run, which has finished or was stopped.
        """
        return self.call.following(result) if self.call else {}

    def watch(self, step: int, steps: int) -> AbstractContextManager[None]:
        """Enclose the training loop.

        Args:
            step: Steps completed earlier.
            steps: Steps of the whole run.
        """
        return nullcontext()

    def advance(self) -> None:
        """Note that one more step is complete."""

    def log(self, progress: TrainingProgress, line: bool) -> bool:
        """Receive the progress when losses are logged, and return whether to go on training.

        Args:
            progress: The progress.
            line: Whether it is time for a line of progress, by steps or by the clock.
        """
        return self.on_progress is None or self.on_progress(progress) is not False
