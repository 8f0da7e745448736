"""Completion in shells."""

import os
import subprocess
import sys
from pathlib import Path

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
    command = tmp_path / "crossimage"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m crossimage "$@"\n')
    command.chmod(0o755)
    script = """
eval "$(crossimage completion bash)"
COMP_LINE=$1 COMP_POINT=${#1}
_crossimage 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
complete -p crossimage
"""
    done = subprocess.run(
        ["bash", "-c", script, "bash", line],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *found, registered = done.stdout.splitlines()
    assert [word for word in found if word] == replies
    assert registered == "complete -o default -F _crossimage crossimage"
