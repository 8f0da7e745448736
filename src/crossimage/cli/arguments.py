"""Arguments shared by several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

Recipe = Annotated[str, tyro.conf.arg(metavar="RECIPE|METHOD")]
Data = Annotated[str, tyro.conf.arg(metavar="DIR")]
# Paths that must not be empty stay strings until they are checked: Path("") is the working folder.
Run = Annotated[str, tyro.conf.arg(metavar="RUN")]
Out = Annotated[str, tyro.conf.arg(metavar="DIR")]
Name = Annotated[str, tyro.conf.arg(metavar="NAME")]
Inputs = Annotated[tuple[str, ...], tyro.conf.arg(metavar="INPUT...")]
Settings = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[RECIPE] [KEY=VALUE...]")]
Checkpoint = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[FORMAT] FILE...")]
Model = Annotated[str, tyro.conf.arg(metavar="MODEL")]
References = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="IMG...")]


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``2 images``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
