"""Models of other codebases become ours: one file a format, looked up in an explicit table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from crossimage.checkpoints.model_file import save_model
from crossimage.config import read_yaml
from crossimage.interop import (
    junyanz_bicyclegan,
    junyanz_cyclegan,
    junyanz_pix2pix,
    nvlabs_munit,
    nvlabs_unit,
    yunjey_stargan,
)
from crossimage.interop.mapping import Converted, Files, Misfit, Source
from crossimage.utils.names import did_you_mean
from crossimage.utils.tensor_files import read_state


class Format(Protocol):
    """What the module of a format has."""

    FILES: Files

    def recognises(self, states: list[dict[str, Tensor]]) -> bool:
        """Whether files with these tensors are of the format."""

    def convert(
        self, sources: list[Source], options: dict[str, str], config: dict[str, Any] | None
    ) -> Converted:
        """A method with the weights of the files."""


FORMATS: dict[str, Format] = {
    "nvlabs-munit": nvlabs_munit,
    "nvlabs-unit": nvlabs_unit,
    "junyanz-cyclegan": junyanz_cyclegan,
    "junyanz-pix2pix": junyanz_pix2pix,
    "junyanz-bicyclegan": junyanz_bicyclegan,
    "yunjey-stargan": yunjey_stargan,
}


def import_model(
    files: Sequence[str | Path],
    out: str | Path,
    format: str | None = None,
    options: Mapping[str, str] | None = None,
    config: str | Path | None = None,
) -> list[str]:
    """Turn a checkpoint of another codebase into a model file.

    Nothing is written where anything does not fit.

    Args:
        files: The checkpoint's files, in the order of the format.
        out: The model file to write.
        format: Name in ``FORMATS``; None: recognised by the tensors' names.
        options: Settings that the tensors can't tell.
        config: The official config file (.yaml), where the codebase has one.

    Returns:
        What was recognised and where the settings come from.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is damaged, of no known format, or does not fit.
    """
    paths, out = [Path(file) for file in files], Path(out)
    if format is not None and format not in FORMATS:
        hint = did_you_mean(format, FORMATS) or ";"
        raise ValueError(f"unknown format '{format}'{hint} known are {', '.join(FORMATS)}")
    if out.is_dir() or out.resolve() in {path.resolve() for path in paths}:
        what = "a folder" if out.is_dir() else "one of the files to import"
        raise ValueError(f"{out} is {what}; give the new model file another name")
    states = [read_state(path) for path in paths]
    notes = []
    if format is None:
        format = _recognise(paths, states)
        notes.append(f"recognised as {format}")
    known = FORMATS[format]
    required, optional = known.FILES
    if not len(required) <= len(paths) <= len(required) + len(optional):
        expected = " ".join([*required, *(f"[{role}]" for role in optional)])
        raise ValueError(f"{format} is imported from the files {expected}; found {len(paths)}")
    sources = [Source(path, state) for path, state in zip(paths, states, strict=True)]
    with torch.random.fork_rng(devices=[]):
        settings = None if config is None else read_yaml(Path(config))
        try:
            converted = known.convert(sources, dict(options or {}), settings)
            for source in sources:
                source.finish()
        except Misfit as error:
            if config is None:
                raise
            raise ValueError(f"{error}; is {config} the config file of this model?") from None
    names = converted.method.config.domains
    if not converted.method.labels and (len(set(names)) != 2 or len(names) != 2):
        raise ValueError(f"domains must be two different names, found '{','.join(names)}'")
    save_model(out, converted.method, discriminators=converted.discriminators)
    return notes + converted.notes


def _recognise(paths: list[Path], states: list[dict[str, Tensor]]) -> str:
    if not paths:
        raise ValueError("no checkpoint file is given; expected at least one")
    found = [name for name, known in FORMATS.items() if known.recognises(states)]
    if len(found) != 1:
        problem = f"may be {' or '.join(found)}" if found else "are of no known format"
        names = ", ".join(str(path) for path in paths)
        raise ValueError(
            f"the tensors of {names} (the first: '{next(iter(states[0]))}') {problem}; name the "
            f"format before the files: {', '.join(FORMATS)}"
        )
    return found[0]
