"""Import models of other codebases: one module per checkpoint format, listed in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from crossimage.checkpoints.model_file import save_model
from crossimage.config import build, read_yaml, to_dict
from crossimage.interop import (
    junyanz_bicyclegan,
    junyanz_cyclegan,
    junyanz_pix2pix,
    mmagic_cyclegan,
    mmagic_pix2pix,
    nvlabs_munit,
    nvlabs_unit,
    yunjey_stargan,
)
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    MismatchError,
    nest,
)
from crossimage.utils.names import did_you_mean
from crossimage.utils.tensor_files import read_state


class Format(Protocol):
    """Interface of a format's module."""

    FILES: Files

    def recognises(self, states: list[dict[str, Tensor]]) -> bool:
        """Return whether files with these tensors have this format."""

    def convert(
        self, sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
    ) -> ConvertedModel:
        """Convert the files to a method with their weights."""


FORMATS: dict[str, Format] = {
    "nvlabs-munit": nvlabs_munit,
    "nvlabs-unit": nvlabs_unit,
    "junyanz-cyclegan": junyanz_cyclegan,
    "junyanz-pix2pix": junyanz_pix2pix,
    "junyanz-bicyclegan": junyanz_bicyclegan,
    "yunjey-stargan": yunjey_stargan,
    "mmagic-cyclegan": mmagic_cyclegan,
    "mmagic-pix2pix": mmagic_pix2pix,
}


def import_model(
    files: Sequence[str | Path],
    out: str | Path,
    format: str | None = None,
    options: Mapping[str, str] | None = None,
    config: str | Path | None = None,
) -> list[str]:
    """Convert a checkpoint of another codebase to a model file.

    Nothing is written unless everything fits.

    Args:
        files: The checkpoint's files, in the order of the format.
        out: The model file to write.
        format: Name in ``FORMATS``; None to recognise it by the names of the tensors.
        options: Settings that the tensors do not determine.
        config: The official config file (.yaml), if the codebase has one.

    Returns:
        Notes that say what was recognised and where the settings come from.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is damaged, has an unknown format, or does not fit.
    """
    paths, out = [Path(file) for file in files], Path(out)
    if format is not None and format not in FORMATS:
        hint = did_you_mean(format, FORMATS) or ";"
        raise ValueError(f"unknown format '{format}'{hint} known formats: {', '.join(FORMATS)}")
    if out.is_dir() or out.resolve() in {path.resolve() for path in paths}:
        kind = "a folder" if out.is_dir() else "one of the files to import"
        raise ValueError(f"{out} is {kind}; give the new model file another name")
    states = [read_state(path) for path in paths]
    notes = []
    if format is None:
        format = _recognise(paths, states)
        notes.append(f"recognised as {format}")
    module = FORMATS[format]
    required, optional = module.FILES
    if not len(required) <= len(paths) <= len(required) + len(optional):
        expected = " ".join([*required, *(f"[{role}]" for role in optional)])
        raise ValueError(f"{format} is imported from the files {expected}; found {len(paths)}")
    # a setting of how images are read, which no codebase knows
    given = dict(options or {})
    ranges = {key: text for key, text in given.items() if key.split(".")[0] == "value_range"}
    others = {key: text for key, text in given.items() if key not in ranges}
    sources = [CheckpointFile(path, state) for path, state in zip(paths, states, strict=True)]
    with torch.random.fork_rng(devices=[]):
        settings = None if config is None else read_yaml(Path(config))
        try:
            converted = module.convert(sources, others, settings)
            for source in sources:
                source.check_all_used()
        except MismatchError as error:
            if config is None:
                raise
            raise ValueError(f"{error}; is {config} the config file of this model?") from None
    method = converted.method
    method.config = build(
        type(method.config), to_dict(method.config), nest(ranges), source="crossimage import"
    )
    names = method.config.domains
    if not converted.method.labels and (len(set(names)) != 2 or len(names) != 2):
        raise ValueError(f"domains must be two different names, found '{','.join(names)}'")
    save_model(out, converted.method, discriminators=converted.discriminators)
    return notes + converted.notes


def _recognise(paths: list[Path], states: list[dict[str, Tensor]]) -> str:
    if not paths:
        raise ValueError("no checkpoint file is given; expected at least one")
    matches = [name for name, module in FORMATS.items() if module.recognises(states)]
    if len(matches) != 1:
        problem = f"may be {' or '.join(matches)}" if matches else "are not of a known format"
        names = ", ".join(str(path) for path in paths)
        raise ValueError(
            f"the tensors of {names} (the first: '{next(iter(states[0]))}') {problem}; name the "
            f"format before the files: {', '.join(FORMATS)}"
        )
    return matches[0]
