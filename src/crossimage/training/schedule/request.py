"""Requested durations of training: those of the command line, and those that a run has recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from crossimage.checkpoints.run_folder import newest_checkpoint
from crossimage.config import Config
from crossimage.training.run_names import PARENT
from crossimage.training.schedule.durations import option, parse_duration
from crossimage.training.schedule.lengths import lengths

C = TypeVar("C", bound=Config)


@dataclass(frozen=True)
class Request:
    """A requested duration of training.

    Attributes:
        finish: Whether the time is that until the end of a run that has begun; otherwise it is that
            of a whole new run.
        seconds: The time.
    """

    finish: bool
    seconds: float

    @property
    def name(self) -> str:
        """The option that requests it."""
        return "--finish" if self.finish else "--budget"

    def __str__(self) -> str:
        """Return it as an option of the command line."""
        return f"{self.name} {option(self.seconds)}"

    def refuse_finish(self, run: Path) -> ValueError:
        """Return the error of a folder that holds no run that could be ended."""
        return ValueError(
            f"{run} holds no run of this command that {self} could end; use --budget "
            f"{option(self.seconds)} for a new run of that length, or `crossimage train --resume "
            f"RUN {self}` for another run"
        )

    def check_begun(self, out: Path | None) -> None:
        """Refuse to end a run where none has begun.

        Args:
            out: The run's folder; None: any that was named by default.

        Raises:
            ValueError: There is none that could be ended.
        """
        if self.finish and not any(map(newest_checkpoint, [out] if out else PARENT.glob("*"))):
            raise self.refuse_finish(out or PARENT)

    @classmethod
    def read(
        cls, budget: str | None, finish: str | None, overrides: Mapping[str, Any]
    ) -> Request | None:
        """Return what the user requests, if anything.

        Args:
            budget: The time of a whole run, such as ``20m``.
            finish: The time until the end of a run.
            overrides: The user's settings.

        Raises:
            ValueError: A time is not a duration, or contradicts another option or setting.
        """
        given = {"--budget": budget, "--finish": finish}
        wanted = {
            name: parse_duration(text, name) for name, text in given.items() if text is not None
        }
        if not wanted:
            return None
        if len(wanted) > 1:
            raise ValueError(
                "--budget is for a new run and --finish for one that has begun; leave out one"
            )
        ((name, seconds),) = wanted.items()
        for key in ("steps", "epochs"):
            if budget is not None and overrides.get(key):
                raise ValueError(f"{name} chooses the number of steps; leave out {name} or {key}")
        return cls(finish is not None, seconds)


@dataclass(frozen=True)
class Requests:
    """What a run has recorded: requests and, for each, the lengths of the schedule before it.

    Attributes:
        entries: The requests, oldest first, as plain data.
    """

    entries: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, state: Mapping[str, Any] | None) -> Requests:
        """Return the requests of a checkpoint; empty for runs without any."""
        return cls(tuple(state.get("plan", ())) if state else ())

    def plain(self) -> list[dict[str, Any]]:
        """Return it as plain data, for a checkpoint."""
        return [dict(entry) for entry in self.entries]

    def with_request(self, request: Request, config: Config, step: int) -> Requests:
        """Return these and a request that is made at a step."""
        entry = {
            "finish": request.finish,
            "seconds": request.seconds,
            "step": step,
            "before": lengths(config),
        }
        return Requests((*self.entries, entry))

    def adopt(self, config: C, saved: Mapping[str, Any]) -> C:
        """Return the config with the lengths that a run has chosen in place of the recipe's.

        Args:
            config: The config as the user's command gives it.
            saved: The config of the run's checkpoint.
        """
        given = lengths(config)
        if any(given == entry["before"] for entry in self.entries):
            return replace(config, **{key: saved.get(key, length) for key, length in given.items()})
        return config

    def holds(self, request: Request) -> bool:
        """Return whether a request is the one that decides about the rest of the run."""
        asked = [Request(entry["finish"], entry["seconds"]) for entry in self.entries]
        if request.finish:
            return asked[-1:] == [request]
        return request in asked

    def refuse_budget(self, run: Path, request: Request, steps: int) -> ValueError:
        """Return the error of a run that was begun without this budget."""
        begun = [Request(e["finish"], e["seconds"]) for e in self.entries if not e["finish"]]
        how = f"with {begun[0]}" if begun else "without --budget"
        return ValueError(
            f"{run} holds a run of {steps:,} steps that was begun {how}, so {request} cannot be "
            f"its length; continue it with `crossimage train --resume {run}`, end it in that time "
            f"from now on with --finish {option(request.seconds)} added, or choose another --out"
        )
