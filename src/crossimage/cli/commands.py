"""Commands, groups of commands, and the errors for misspelt ones."""

from __future__ import annotations

import functools
import inspect
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, get_type_hints

import tyro

from crossimage.cli.arguments import NUMBERS
from crossimage.utils.names import did_you_mean
from crossimage.utils.texts.help_text import fill, stated_default

Command = Callable[..., Any]


def with_plain_help(command: Command) -> Command:
    """Return a command whose help fills the lines and states no default that says nothing.

    tyro keeps the line breaks of docstrings, and adds ``(default: None)``.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        return command(*args, **kwargs)

    run.__doc__ = re.sub(r"\n {8}(?=\S)", " ", inspect.cleandoc(command.__doc__ or ""))
    mark = tyro.conf.arg(help_behavior_hint=stated_default)
    hints = get_type_hints(command, include_extras=True)
    run.__annotations__ = {name: Annotated[hint, mark] for name, hint in hints.items()}
    del run.__wrapped__  # whose annotations would count
    run.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
    return run


def parse(command: Command, prog: str, arguments: Sequence[str], **options: Any) -> Any:
    """Call a command with the arguments of a command line, or print its help and exit.

    Args:
        command: The command.
        prog: Its name, with what stands before it.
        arguments: What follows.
        options: Further options of :func:`tyro.cli`.
    """
    with _usage_wrapped(arguments):
        return tyro.cli(
            with_plain_help(command), prog=prog, args=arguments, registry=NUMBERS, **options
        )


@contextmanager
def _usage_wrapped(arguments: Sequence[str]) -> Iterator[None]:
    """Break the usage in tyro's help into lines that fit the terminal, which tyro does not."""
    if not {"-h", "--help"} & {*arguments}:
        yield
        return
    text = io.StringIO()
    try:
        with redirect_stdout(text):
            yield
    finally:
        usage, line_end, rest = text.getvalue().partition("\n")
        # an option and its value stay together
        usage = re.sub(r"\[[^\[\]]*\]", lambda option: option[0].replace(" ", "\xa0"), usage)
        print(fill(usage, rest=" " * 7).replace("\xa0", " "), rest, sep=line_end, end="")


class Commands(tyro.extras.SubcommandApp):
    """A group of commands that knows their names.

    Args:
        purpose: What the commands are for, in one sentence.

    Attributes:
        known: The commands and groups by name.
    """

    def __init__(self, purpose: str = "") -> None:
        super().__init__()
        self.__doc__ = purpose
        self.known: dict[str, Command | Commands] = {}

    def add(self, name: str, command: Command | Commands) -> None:
        """Add a command or a group of commands."""
        self.known[name] = command
        # its arguments are described one by one
        text = inspect.cleandoc(command.__doc__ or "").partition("\n\nArgs:")[0]
        if isinstance(command, Commands):
            self.command(command, name=name, help=text)
        else:
            self.command(name=name, help=text)(command)

    def named(self, name: str) -> Callable[[Command], Command]:
        """Return a decorator that adds a function as a command."""

        def decorate(command: Command) -> Command:
            self.add(name, command)
            return command

        return decorate

    def check(self, arguments: Sequence[str], prefix: str = "crossimage") -> None:
        """Refuse a command that does not exist.

        Args:
            arguments: The arguments, the command's name first.
            prefix: What stands before them.

        Raises:
            ValueError: There is no command of this name; the message has the nearest one.
        """
        if not arguments or arguments[0] in ("-h", "--help"):
            return
        name = arguments[0]
        if name not in self.known:
            if name.startswith("-"):
                kind, options = "option", ["--help", *(["--version"] if " " not in prefix else [])]
            else:
                kind, options = "command", list(self.known)
            hint = did_you_mean(name, options) or f"; expected one of {', '.join(options)}"
            raise ValueError(f"{prefix} has no {kind} {name!r}{hint}")
        group = self.known[name]
        if isinstance(group, Commands):
            group.check(arguments[1:], f"{prefix} {name}")

    def run(self, arguments: Sequence[str], prefix: str = "crossimage") -> None:
        """Run the command that arguments name; its mistakes refer to its own help.

        Args:
            arguments: The arguments, the command's name first, as :meth:`check` has seen them.
            prefix: What stands before them.
        """
        command = self.known.get(arguments[0]) if arguments else None
        if isinstance(command, Commands):
            command.run(arguments[1:], f"{prefix} {arguments[0]}")
        else:
            marks = (tyro.conf.FlagCreatePairsOff,)
            if command:
                prefix, arguments = f"{prefix} {arguments[0]}", arguments[1:]
                parse(command, prefix, arguments, config=marks)
            else:
                with _usage_wrapped(arguments):
                    self.cli(prog=prefix, args=arguments, config=marks, registry=NUMBERS)
