"""Names of commands."""

import inspect
from contextlib import suppress

import pytest

from crossimage.cli.app import COMMANDS, main
from crossimage.cli.commands import Commands
from crossimage.cli.evaluate import COMMANDS as EVALUATIONS


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trian", "munit"], "crossimage has no command 'trian'; did you mean 'train'?"),
        (["translat"], "crossimage has no command 'translat'; did you mean 'translate'?"),
        (["Data"], "crossimage has no command 'Data'; did you mean 'data'?"),
        (["data", "mak"], "crossimage data has no command 'mak'; did you mean 'make'?"),
        (["study", "serv"], "crossimage study has no command 'serv'; did you mean 'serve'?"),
        (["xyz"], "crossimage has no command 'xyz'; expected one of train, translate, sample, "),
        (["--verison"], "crossimage has no option '--verison'; did you mean '--version'?"),
        (["data", "--hlep"], "crossimage data has no option '--hlep'; did you mean '--help'?"),
    ],
)
def test_the_nearest_command_is_suggested(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"crossimage: {sentence}")


@pytest.mark.parametrize("command", [("runs",), ("data", "make"), ("study", "serve")])
def test_unknown_options_point_to_the_help_of_the_command(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "x", "--out", "y", "--nonsense"]) == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert f"crossimage {' '.join(command)} --help" in said


def test_usage_fits_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    groups = {(name,): command for name, command in COMMANDS.items()}
    within = {
        (*name, each): command
        for name, group in groups.items() if isinstance(group, Commands)
        for each, command in group.known.items()
    }  # fmt: skip
    longest = 0
    for name in [*groups, *within, *(("evaluate", each) for each in EVALUATIONS)]:
        with suppress(SystemExit):  # of tyro
            main([*name, "--help"])
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(f"usage: crossimage {' '.join(name)}"), name
        assert max(map(len, lines)) <= 80, name
        longest = max(longest, lines.index("") if "" in lines else 0)
    assert longest > 1, "no usage takes several lines"


def test_descriptions_fit_a_terminal_of_80_columns() -> None:
    """Nothing else wraps them, and a terminal breaks words."""
    groups = [command for command in COMMANDS.values() if isinstance(command, Commands)]
    commands = [*COMMANDS.values(), *EVALUATIONS.values()]
    for command in [*commands, *(each for group in groups for each in group.known.values())]:
        description = inspect.cleandoc(command.__doc__).partition("\n\nArgs:")[0]
        for paragraph in description.split("\n\n"):
            assert len(" ".join(paragraph.split())) <= 80, paragraph
