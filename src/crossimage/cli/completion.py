"""Completion in shells: commands, options, recipes, methods, settings and their values."""

from __future__ import annotations

import dataclasses
import inspect
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro
from tyro.conf import Positional

from crossimage.checkpoints.addresses import builtin_names
from crossimage.cli.commands import Command, Commands
from crossimage.cli.data import MAKERS
from crossimage.cli.evaluate import COMMANDS as EVALUATIONS
from crossimage.evaluation.metrics import METRICS
from crossimage.recipes.described import describe, literals

Shell = Literal["bash", "zsh", "fish"]

_SCRIPTS: dict[Shell, str] = {
    "bash": """\
_crossimage() {
  local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}"
  COMPREPLY=($(crossimage completion bash --line "$line" 2>/dev/null))
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _crossimage crossimage
""",
    "zsh": """\
#compdef crossimage
_crossimage() {
  local -a words_found
  words_found=(${(f)"$(crossimage completion zsh --line "${(j: :)words[1,CURRENT]}" 2>/dev/null)"})
  if (( ${#words_found} )); then
    compadd -S '' -- ${(M)words_found:#*=}
    compadd -- ${words_found:#*=}
  else
    compset -P '--*='
    _files
  fi
}
compdef _crossimage crossimage
""",
    "fish": """\
function __crossimage
  set -l found (crossimage completion fish --line (commandline -cp) 2>/dev/null)
  if count $found >/dev/null
    printf '%s\n' $found
  else
    set -l option (string match -r -- '^(?:--[^=]*=)?' (commandline -ct))
    for path in (__fish_complete_path (string replace -- "$option" '' (commandline -ct)))
      printf '%s\n' $option$path
    end
  end
end
complete -c crossimage -f -a '(__crossimage)'
""",
}
_INSTALL = {
    "bash": "echo 'eval \"$(crossimage completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(crossimage completion zsh)\"' >> ~/.zshrc",
    "fish": "crossimage completion fish > ~/.config/fish/completions/crossimage.fish",
}

_MODELS = ("run", "runs", "model", "models")  # arguments that are models

Text = Annotated[str | None, tyro.conf.arg(metavar="TEXT")]


def completer(commands: Commands) -> Command:
    """Return the command that completes the commands of a group."""

    def completion(shell: Positional[Shell], line: Text = None) -> None:
        """Print a script that completes commands, options and settings in a shell.

        Args:
            shell: The shell.
            line: Print how this command line, up to the cursor, can continue, one way per line.
        """
        if line is None:
            print(f"# {_INSTALL[shell]}\n{_SCRIPTS[shell]}", end="")
            return
        current = _split(line)[-1]
        # bash replaces only what follows the last = or :
        kept = max(map(current.rfind, "=:")) + 1 if shell == "bash" else 0
        for word in complete(line, commands):
            print(word[kept:])

    return completion


def complete(line: str, commands: Commands) -> list[str]:
    """Return the words that may stand in place of the last one of a command line.

    Args:
        line: The line up to the cursor; a space at its end begins a new word.
        commands: The commands.

    Returns:
        Whole words; none where a file or a text of the user's own belongs.
    """
    words = _split(line)[1:] or [""]
    *before, current = words
    group: Command | Commands = commands
    while isinstance(group, Commands):
        if not before:
            return _starting(current, [*group.known, "--help"])
        known, name = group.known, before.pop(0)
        if name not in known:
            return []
        group = known[name]
    if group.__name__ == "evaluate" and before and before[0] in EVALUATIONS:
        group = EVALUATIONS[before.pop(0)]
    options = _options(group)
    last = before[-1] if before else ""
    if last in options and options[last] is not None:
        if last == "--metrics":
            begun = current.rpartition(",")[0]
            return _starting(current, [f"{begun},{name}".lstrip(",") for name in METRICS])
        return _starting(current, literals(options[last]))
    named = [
        word
        for previous, word in zip(["", *before], before, strict=False)
        if not word.startswith("-") and options.get(previous) is None
    ]
    first = {"train": 0, "data_inspect": 1}.get(group.__name__)  # where the recipe stands
    if first is not None and len(named) >= first:
        recipe = named[first] if named[first:] else None
        found = _recipes() if recipe is None else _settings(recipe, current)
        return _starting(current, [*options, "--help", *found])
    if group.__name__ == "data_make" and not named:
        return _starting(current, [*options, "--help", *MAKERS])
    if group.__name__ == "evaluate" and not named:
        return _starting(current, [*options, "--help", *EVALUATIONS])
    positional = next(iter(inspect.signature(group).parameters), "")
    values = literals(_hints(group).get(positional)) if not named else ()
    if not named and current and positional in _MODELS:  # elsewhere, files are offered
        values = tuple(f"builtin:{name}" for name in builtin_names())
    return _starting(current, [*options, "--help", *values])


def _split(line: str) -> list[str]:
    """Split a line into words; a quote that is still open ends with the line."""
    end = [""] if line[-1:].isspace() else []
    for closing in ("", "'", '"'):
        with suppress(ValueError):
            return shlex.split(line + closing) + end
    return [*line.split(), *end]


def _starting(current: str, words: Any) -> list[str]:
    """Return the words that begin as the current one; options only once it begins like one."""
    return [
        word
        for word in dict.fromkeys(words)
        if word.startswith(current) and (current.startswith("-") or not word.startswith("-"))
    ]


def _hints(command: Callable[..., Any]) -> Mapping[str, Any]:
    return get_type_hints(command, include_extras=True)


def _options(command: Callable[..., Any]) -> dict[str, Any]:
    """Return a command's options with the types of their values; None: they take none."""
    found: dict[str, Any] = {}
    for name, hint in _hints(command).items():
        marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        if name == "return" or any("Positional" in str(mark) for mark in marks):
            continue
        kind = get_args(hint)[0] if marks else hint
        if dataclasses.is_dataclass(kind):
            for field, own in get_type_hints(kind, include_extras=True).items():
                found["--" + field.replace("_", "-")] = own
            continue
        shown = next((mark.name for mark in marks if getattr(mark, "name", None)), name)
        found["--" + shown.replace("_", "-")] = None if hint is bool else hint
    return found


def _recipes() -> list[str]:
    from crossimage.recipes import list_recipes

    recipes = [name for name, _ in list_recipes()]
    return sorted({name.partition("/")[0] for name in recipes}) + recipes


def _settings(recipe: str, current: str) -> list[str]:
    """Return the settings of a recipe as ``key=``, or the values of the current one."""
    from crossimage.recipes import resolve
    from crossimage.recipes.keys import keys_of

    name, found, _ = current.partition("=")
    try:
        method, settings = resolve(recipe)
        if not found and (known := keys_of(method)):
            return [f"{key}=" for key in known]
        described = describe(method, settings, recipe)
    except (ValueError, FileNotFoundError):
        return []
    if found:
        return [f"{name}={value}" for key in described if key.name == name for value in key.choices]
    return [f"{key.name}=" for key in described]
