"""Summaries for users of data makers: what was written or left out, and the next command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from crossimage.utils.paths import plain


class MadeDataset(NamedTuple):
    """The result of a maker.

    Attributes:
        summary: How many images were written, and what was left out and why.
        following: A command that uses the data set.
    """

    summary: str
    following: str


def training_command(recipe: str, out: Path, *settings: str) -> str:
    """Return the command that trains a recipe on the data set in ``out``, in a new run."""
    return command("train", recipe, "--data", out, *settings)


def command(*words: str | Path) -> str:
    """Return a command to copy, in which no path can be taken for an option."""
    texts = [plain(word) if isinstance(word, Path) else word for word in words]
    return shlex.join(["crossimage", *texts])


def combining(folder: Path) -> str:
    """Return the command that pairs label maps or drawings with a folder PHOTOS of photos."""
    out = beside(folder, "_pairs")
    return command("data", "make", "combine", "--a", folder, "--b", "PHOTOS", "--out", out)


def beside(folder: Path, ending: str) -> Path:
    """Return the path of a new folder next to another one, which has its name and an ending."""
    if folder.name in ("", os.pardir):  # such as "." and ".."
        folder = folder / os.pardir / folder.resolve().name
    return Path(f"{folder}{ending}")


def check_apart(out: Path, *inputs: Path) -> None:
    """Refuse to write into a folder of inputs, where results would count as inputs later.

    Raises:
        ValueError: ``out`` is below an input folder.
    """
    for folder in inputs:
        # unlike resolve, which fails where links lead in a circle
        if Path(os.path.realpath(folder)) in Path(os.path.realpath(out)).parents:
            raise ValueError(
                f"{out} is inside {folder}, so its images would later count as images of {folder}; "
                "choose a folder elsewhere"
            )


def summarise(written: str, left_out: str | None, problems: Sequence[str]) -> str:
    """Join what was written, what was left out by reason, and the files that cannot be read."""
    return "\n".join([written, *([left_out] if left_out else []), *problems])
