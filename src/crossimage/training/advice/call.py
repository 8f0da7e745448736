"""Calls of :func:`crossimage.train` as text to copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossimage.training.advice.longer import extension, next_folder
from crossimage.training.advice.use import UsageHint

if TYPE_CHECKING:
    from crossimage.training.result import TrainingResult

_SHOWN = 4  # entries of a list; longer ones are shortened


@dataclass(frozen=True)
class Call:
    """A call of :func:`crossimage.train`.

    Attributes:
        recipe: Its first argument.
        arguments: The others by name, without those that are left out.
    """

    recipe: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        """Return the call; ``...`` stands for what is too long, or has no name."""
        words = [repr(self.recipe)]
        words += [f"{name}={_shown(value)}" for name, value in self.arguments.items()]
        return f"crossimage.train({', '.join(words)})"

    def having(self, **arguments: Any) -> Call:
        """Return this call with other arguments."""
        return Call(self.recipe, {**self.arguments, **arguments})

    def without(self, *names: str) -> Call:
        """Return this call without some of its arguments."""
        rest = {name: value for name, value in self.arguments.items() if name not in names}
        return Call(self.recipe, rest)

    def following(self, result: TrainingResult) -> dict[str, str]:
        """Return the calls that use the model of a run, and that go on with it, by purpose.

        Args:
            result: The run that this call has made.
        """
        use, call = UsageHint.of(result), self.having(out=result.run)
        if result.stopped_by:
            return {use.task: use.call, "continue it": str(call)}
        call = call.without("finish", "accept_data_change")
        if changed := extension(result):
            call = call.without(*(["epochs"] if "steps" in changed else [])).having(**changed)
        else:
            call = call.having(init_from=result.run, out=next_folder(result.run))
        return {use.task: use.call, "train longer": str(call)}


def _shown(value: Any) -> str:
    """Return a value as Python takes it."""
    if isinstance(value, Path):
        return repr(str(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {_shown(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, list | tuple):
        entries = [_shown(entry) for entry in value]
        if len(entries) > _SHOWN:
            entries = [entries[0], "...", entries[-1]]
        text = ", ".join(entries)
        if isinstance(value, list):
            return f"[{text}]"
        return f"({text},)" if len(entries) == 1 else f"({text})"
    if value is None or isinstance(value, str | bool | int | float):
        return repr(value)
    name = getattr(value, "__name__", "")
    return name if name.isidentifier() else "..."
