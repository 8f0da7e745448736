"""Completion in shells."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from crossimage.cli.app import app
from crossimage.cli.completion import complete
from crossimage.config import keys
from crossimage.methods import METHODS
from crossimage.recipes import list_recipes


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("crossimage tr", ["train", "translate"]),
        ("crossimage data ", ["inspect", "make"]),
        ("crossimage data make ed", ["edges"]),
        ("crossimage data make edges --fr", ["--from"]),
        ("crossimage translate run in --alp", ["--alpha"]),
        ("crossimage translate run 'my images' --alpha ", ["white", "keep", "drop"]),
        ("crossimage translate run in --same-style --he", ["--help"]),
        ("crossimage evaluate --lpips-", ["--lpips-weights"]),
        ("crossimage evaluate fit-c", ["fit-classifier"]),
        ("crossimage train munit/o", ["munit/outlines"]),
        ("crossimage train --data photos munit/o", ["munit/outlines"]),
        ("crossimage train --data photos cyclegan precision=b", ["precision=bf16"]),
        ("crossimage train cyclegan pre", ["precision="]),
        ("crossimage train cyclegan precision=b", ["precision=bf16"]),
        ("crossimage train munit --data x discriminator.spectral=", None),
        ("crossimage data inspect photos munit/o", ["munit/outlines"]),
        ("crossimage data inspect photos cyclegan precision=b", ["precision=bf16"]),
        ("crossimage data inspect ", []),
        ("crossimage evaluate run --metrics ki", ["kid"]),
        ("crossimage evaluate run --metrics fid,ki", ["fid,kid"]),
        ("crossimage evaluate fit-classifier --ep", ["--epochs"]),
        ("crossimage info b", ["builtin:outlines"]),
        ("crossimage translate builtin:o", ["builtin:outlines"]),
        ("crossimage completion z", ["zsh"]),
        ("crossimage translate ", []),
        ("crossimage translate 'open quo", []),
        ("crossimage nothing ", []),
        ("crossimage train no_such_method pre", []),
    ],
)
def test_a_line_is_completed(line: str, words: list[str] | None) -> None:
    if words is None:
        words = [f"discriminator.spectral={value}" for value in ("true", "false")]
    assert complete(line, app) == words


def test_all_recipes_methods_and_keys_are_known() -> None:
    found = complete("crossimage train ", app)
    assert {name for name, _ in list_recipes()} <= {*found}
    for name in ("munit", "stargan_v2", "funit"):
        expected = [f"{key}=" for key in keys(METHODS[name].Config)]
        assert complete(f"crossimage train {name} ", app) == expected


def run_shell(command: list[str], folder: Path) -> list[str]:
    """Return the lines that a shell prints, with `crossimage` on its path."""
    program = folder / "bin" / "crossimage"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m crossimage "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, env=os.environ | {"PATH": path, "HOME": str(folder)}, cwd=folder,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("crossimage tr", ["train", "translate"]),
        ("crossimage train cyclegan precision=b", ["bf16"]),  # bash keeps what precedes the =
        ("crossimage train cyclegan prec", ["precision="]),
        ("crossimage info builtin:ou", ["outlines"]),
        ("crossimage data make ho", ["holes"]),
        ("crossimage translate run ", []),
    ],
)
def test_bash_completes_a_line(line: str, replies: list[str], tmp_path: Path) -> None:
    script = """
eval "$(crossimage completion bash)"
COMP_LINE=$1 COMP_POINT=${#1}
_crossimage 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
complete -p crossimage
"""
    *found, registered = run_shell(["bash", "-c", script, "bash", line], tmp_path)
    assert [word for word in found if word] == replies
    assert registered == "complete -o default -F _crossimage crossimage"


IN_SHELLS = [
    ("crossimage tr", ["train", "translate"]),
    ("crossimage train munit/o", ["munit/outlines"]),
    ("crossimage train --data 'my photos' cyclegan precision=b", ["precision=bf16"]),
    ("crossimage train cyclegan prec", ["precision="]),
    ("crossimage info builtin:ou", ["builtin:outlines"]),
    ("crossimage translate run my", ["my photos/"]),
    ("crossimage translate run x.png --out=my", ["--out=my photos/"]),
]


@pytest.mark.slow
@pytest.mark.skipif(not which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(("line", "replies"), IN_SHELLS)
def test_fish_completes_a_line(line: str, replies: list[str], tmp_path: Path) -> None:
    (tmp_path / "my photos").mkdir()
    script = "crossimage completion fish | source; complete -C $argv[1]"
    assert run_shell(["fish", "-c", script, line], tmp_path) == replies


@pytest.mark.slow
@pytest.mark.skipif(not which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize(("line", "replies"), IN_SHELLS)
def test_zsh_completes_a_line(line: str, replies: list[str], tmp_path: Path) -> None:
    # the functions of zsh's completion system, which needs a terminal, print what they are given
    script = """
compdef() { :; }
compset() { :; }
compadd() { while [[ $1 != -- ]] { shift }; shift; print -rl -- "$@"; }
_files() { print FILES; }
eval "$(crossimage completion zsh)"
words=("${(z)1}") CURRENT=${#words}
_crossimage
"""
    found = [word for word in run_shell(["zsh", "-fc", script, "zsh", line], tmp_path) if word]
    assert found == (["FILES"] if "my photos/" in replies[0] else replies)
