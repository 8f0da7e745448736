"""How the command line shows a training run: messages, a progress bar, and the result."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.rule import Rule
from rich.table import Column
from rich.text import Text

from crossimage.training.advice.longer import extension, next_folder
from crossimage.training.advice.use import UsageHint
from crossimage.training.best.standing import BestSoFar
from crossimage.training.listener import Listener, TrainingProgress
from crossimage.training.result import TrainingResult
from crossimage.utils.rank import is_first_process
from crossimage.utils.streams import LastingStream, print_error, printable
from crossimage.utils.texts.counts import counted


class ConsoleListener(Listener):
    """Prints messages, and the progress as a bar or, without a terminal, as occasional lines.

    Args:
        arguments: The command's own arguments, for messages that advise another one.
        folder: The folder in which these arguments apply; None: that of the command.
        resumed: What the command gives besides ``--resume RUN``; None: it does not resume a run.
    """

    def __init__(
        self,
        arguments: Sequence[str] = (),
        folder: Path | None = None,
        resumed: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.arguments = list(arguments)
        self._resumed = resumed
        self._place = f", in {folder}" if folder else ""
        # paths appear as they are: brackets are not markup, and long lines are not wrapped
        self.console = Console(
            markup=False,
            emoji=False,
            highlight=False,
            soft_wrap=True,
            quiet=not is_first_process(),
        )
        self.console.file = cast(TextIO, LastingStream(self.console.file, self._note_failure))
        self._bar: Progress | None = None

    def _note_failure(self, error: OSError) -> None:
        """Go on without output: the reader of a pipe is gone, or the terminal is closed."""
        sentence = f"the output can't be written ({error.strerror}); training goes on without it"
        super().warn(sentence)
        if is_first_process():
            print_error(f"crossimage: {sentence}")

    def say(self, sentence: str) -> None:
        """Print a message."""
        self.console.print(printable(sentence))

    def warn(self, sentence: str) -> None:
        """Print a warning."""
        super().warn(sentence)
        self.console.print(printable(sentence), style="yellow")

    def again(self, out: Path, *, init: bool = False) -> str:
        """Return the command to run."""
        if init:
            return f"`{shlex.join(['crossimage', *anew(self.arguments, out)])}`{self._place}"
        return f"`{shlex.join(['crossimage', *self._continuing(out), '--accept-data-change'])}`"

    def _continuing(self, run: Path) -> list[str]:
        """Return the arguments that continue a run; those with ``--resume`` apply in any folder."""
        if self._resumed is None:
            return self.arguments
        return ["train", "--resume", str(run), *self._resumed]

    def _longer(self, result: TrainingResult) -> tuple[str, str]:
        """Return the command that trains longer than a finished run, and where it applies."""
        if changed := extension(result):
            words, place = extended(self._continuing(result.run), result.run, changed), ""
        else:
            words, place = anew(self.arguments, result.run), self._place
        return shlex.join(["crossimage", *words]), place

    def next_commands(self, result: TrainingResult) -> dict[str, str]:
        """Return the commands that use the model, and that go on with the run."""
        use = UsageHint.of(result)
        if result.stopped_by:
            command = shlex.join(["crossimage", "train", "--resume", str(result.run)])
            return {use.task: use.command, "continue it": command}
        command, _ = self._longer(result)
        return {use.task: use.command, "train longer": command}

    @contextmanager
    def watch(self, step: int, steps: int) -> Iterator[None]:
        """Show the bar while the run trains."""
        self._bar = progress_bar(self.console)
        self._task = self._bar.add_task("training", total=steps, completed=step, rate="", losses="")
        try:
            with self._bar:
                yield
        finally:
            self._bar = None

    def advance(self) -> None:
        """Advance the bar by one step."""
        if self._bar:
            self._bar.advance(self._task)

    def log(self, progress: TrainingProgress, line: bool) -> bool:
        """Show the speed and the losses."""
        if self._bar:
            self._bar.update(self._task, rate=progress.speed, losses=progress.short_losses)
        if line and not self.console.is_terminal:
            self.console.print(str(progress))
        return True

    def report(self, result: TrainingResult) -> int:
        """Print how a run ended and what to do next, and return the exit status.

        Returns:
            0, or 128 + the number of the signal that stopped the run; of several processes only
            the first returns the latter.
        """
        if result.stopped_by:
            command = shlex.join(["crossimage", *sys.argv[1:]])
            self.console.print(
                f"stopped at step {result.step} and saved; to continue:\n  {command}"
            )
            return 128 + signal.Signals[result.stopped_by] if is_first_process() else 0
        command, place = self._longer(result)
        if result.first_step >= result.step:
            ended = f"has finished its {counted(result.step, 'step')}"
            if result.stopped_early and result.standing:
                ended = f"ended early at step {result.step}: {result.standing.reason}"
            advice = f"{ended}; to train longer{place}:\n  {command}"
            self.console.print(printable(f"{result.run} {advice}"))
            return 0
        self.console.print(Rule(counted(result.step, "step"), align="left"), soft_wrap=False)
        for line in [*closing_lines(result), f"train longer{place}:", f"  {command}"]:
            self.console.print(printable(line))
        return 0


def progress_bar(console: Console) -> Progress:
    """Return the bar of a run: one line, in which losses are cut before anything else.

    Bar, step and time left are there down to 40 columns: below 60, as in a split window, the bar is
    shorter, and speed and losses are left out.
    """
    narrow = console.width < 60

    def fixed() -> Column:
        return Column(no_wrap=True)

    figures = [
        TextColumn("{task.fields[rate]}", markup=False, table_column=fixed()),
        # the only column that may shrink
        _Cut("{task.fields[losses]}", markup=False, table_column=Column()),
    ]
    return Progress(
        BarColumn(bar_width=6 if narrow else 12, table_column=fixed()),
        MofNCompleteColumn(table_column=fixed()),
        TimeRemainingColumn(table_column=fixed()),
        TextColumn("left", table_column=fixed()),
        *([] if narrow else figures),
        console=console,
        disable=not console.is_terminal,
        speed_estimate_period=600,
    )


class _Cut(TextColumn):
    """A text that is cut, rather than wrapped, where it does not fit."""

    def render(self, task: Task) -> Text:
        """Return the text of a task."""
        text = super().render(task)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


def closing_lines(result: TrainingResult) -> list[str]:
    """Return what a finished run has made, and commands to copy, each on a line of its own."""
    use = UsageHint.of(result)
    skipped, standing = result.skipped_steps, result.standing
    return [
        *_early(result),
        f"model    {result.model_path}",
        *([f"best     {result.best_path}"] if result.best_path else []),
        *(_figures(standing) if standing else []),
        f"samples  {result.samples_path}",
        f"page     {result.page_path}",
        *([f"skipped  moves of {skipped:,} of {counted(result.step, 'step')}"] if skipped else []),
        "",
        f"{use.task}:",
        f"  {use.command}",
    ]


def out_of(arguments: Sequence[str]) -> Path | None:
    """Return the run's folder that arguments name."""
    for word, following in zip(arguments, [*arguments, ""][1:], strict=True):
        name, _, value = word.partition("=")
        if name == "--out" and (value or following):
            return Path(value or following)
    return None


def anew(arguments: Sequence[str], run: Path) -> list[str]:
    """Return the arguments of a new run that starts from the weights of a run.

    Args:
        arguments: The arguments of that run.
        run: Its folder.
    """
    words, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, _ = word.partition("=")
        if name in {"--out", "--init", "--finish"}:
            rest = rest if equals else rest[1:]
        elif word != "--accept-data-change":
            words.append(word)
    return [*words, "--init", str(run), "--out", str(next_folder(run))]


def _early(result: TrainingResult) -> list[str]:
    """Return why a run ended early, if it did."""
    standing = result.standing
    if not result.stopped_early or standing is None:
        return []
    times = "1 evaluation" if standing.stale == 1 else f"{standing.stale} evaluations"
    steps = f"{result.step:,} of {result.config.steps:,} steps"
    return [f"ended    early, after {steps}: no better {standing.figure} in {times}"]


def _figures(standing: BestSoFar) -> list[str]:
    """Return the last and the best figure of a run."""
    known = [("last", standing.last), ("best", standing.best)]
    parts = [f"{name} {one.value:.4g} at step {one.step:,}" for name, one in known if one]
    return [f"{standing.figure:<8} {', '.join(parts)}"] if parts else []


def extended(arguments: Sequence[str], run: Path, changed: Mapping[str, int]) -> list[str]:
    """Return the arguments that continue a run that has ended.

    Args:
        arguments: The arguments of that run.
        run: Its folder.
        changed: The settings that make it go on.
    """
    # epochs win over steps
    replaced = tuple(f"{name}=" for name in [*changed, *(["epochs"] if "steps" in changed else [])])
    words = [word for word in arguments if not word.startswith(replaced)]
    out = [] if out_of(words) or "--resume" in words else ["--out", str(run)]
    return [*words, *out, *(f"{name}={value}" for name, value in changed.items())]
