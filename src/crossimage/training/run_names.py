"""Folders of runs: those that users name, and ``runs/<data>-<method>-001``."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import Any

from crossimage.checkpoints.run_folder import InUseError, checkpoints_of, lock
from crossimage.config import read_yaml
from crossimage.data.sources.domains.data_set import DataSet
from crossimage.training.best.standing import has_ended_early
from crossimage.utils.files import write_text
from crossimage.utils.rank import is_first_process
from crossimage.utils.reading import read_text
from crossimage.utils.writing.folders import make_folder

PARENT = Path("runs")
"""The folder of the runs, in the working folder."""

REQUEST = ".request"
"""The file in which a run keeps what was asked for, to be found again."""

_LONGEST = 40  # characters of a name that come from the data


@contextmanager
def claim_folder(
    out: Path | None, data: DataSet, asked: Mapping[str, Any], processes: int
) -> Iterator[Path]:
    """Lock the folder of a run, which is the given one or the next that is free.

    Args:
        out: The folder that the user names; None: the best of :func:`candidates`.
        data: The data set.
        asked: Settings, data and options, as plain data.
        processes: Number of processes, which share a folder only if it is named.

    Raises:
        ValueError: Another process works in the folder, it cannot be written, or several processes
            need its name.
    """
    if out is not None:
        with _exclusive(out) if is_first_process() else nullcontext():
            yield out
        return
    if processes > 1:
        raise ValueError("the processes of a run need its name: add --out RUN")
    with ExitStack() as stack:
        for run in candidates(data, asked["method"], asked):
            with suppress(InUseError):
                stack.enter_context(_exclusive(run))
                break
        yield run


@contextmanager
def _exclusive(out: Path) -> Iterator[None]:
    """Lock the run's folder; remove it again if it is new and nothing was written."""
    new = not out.exists() or os.listdir(out) == [REQUEST]
    with lock(out):
        try:
            yield
        except BaseException:
            with suppress(OSError):
                if new and {*os.listdir(out)} <= {".lock", REQUEST}:
                    (out / ".lock").unlink()
                    (out / REQUEST).unlink(missing_ok=True)
                    out.rmdir()
            raise


def candidates(data: DataSet, method: str, asked: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the folders that a run may have, the best one first.

    These are unfinished runs for which the same was asked, the newest first, and then folders that
    this function makes, with the next free numbers. The caller takes the first that it can lock.

    Args:
        data: The data set.
        method: Name of the method.
        asked: Settings, data and options, as plain data.

    Raises:
        OSError: A folder cannot be made.
    """
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    stem = f"{_slug(data)}-{method}"
    numbered = re.compile(re.escape(stem) + r"-(\d{3,})")
    found = PARENT.iterdir() if PARENT.is_dir() else ()
    numbers = sorted(
        (int(m[1]) for run in found if (m := numbered.fullmatch(run.name))), reverse=True
    )
    for number in numbers:
        run = PARENT / f"{stem}-{number:03d}"
        if _asked(run) == digest and is_unfinished(run):
            yield run
    for number in count(numbers[0] + 1 if numbers else 1):
        run = PARENT / f"{stem}-{number:03d}"
        try:
            make_folder(run, exist_ok=False)
        except FileExistsError:  # another process took the number
            continue
        write_text(run / REQUEST, digest + "\n")
        yield run


def is_unfinished(run: Path) -> bool:
    """Return whether a run has steps to go, as far as its folder tells."""
    checkpoints = checkpoints_of(run)
    if not checkpoints:
        return True
    try:
        steps = read_yaml(run / "config.yaml").get("steps")
    except (OSError, ValueError):
        return False
    step, _ = checkpoints[0]
    return isinstance(steps, int) and step < steps and not has_ended_early(run, step)


def _asked(run: Path) -> str | None:
    try:
        return read_text(run / REQUEST).strip()
    except (OSError, ValueError):
        return None


def _slug(data: DataSet) -> str:
    """Return a short name of a data set: that of its folder, or those of its domains."""
    if isinstance(data, str):
        parts = [Path(part.rpartition("=")[2]).absolute() for part in data.split(",")]
        named = [part.partition("=")[0] for part in data.split(",") if "=" in part]
        name = "-".join(named if len(named) == len(parts) else [part.stem for part in parts])
    else:
        name = "-".join(data)
    return re.sub(r"[^\w-]+", "_", name).strip("_-")[:_LONGEST] or "data"
