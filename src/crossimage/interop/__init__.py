"""Import models of other codebases: one module per checkpoint format, listed in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from crossimage.checkpoints.families import family_of
from crossimage.checkpoints.model_file import save_model
from crossimage.config import build, read_yaml, to_dict
from crossimage.interop import (
    junyanz_bicyclegan,
    junyanz_cyclegan,
    junyanz_pix2pix,
    mmagic_cyclegan,
    mmagic_pix2pix,
    nvidia_pix2pixhd,
    nvlabs_munit,
    nvlabs_unit,
    pytorch_gan_cyclegan,
    yunjey_stargan,
)
from crossimage.interop.arrangement import arrange, note_left_out, other_order, parts_of
from crossimage.interop.checkpoint_files import Contents, read_checkpoint
from crossimage.interop.mapping import (
    CheckpointFile,
    Format,
    MismatchError,
    nest,
)
from crossimage.utils.names import did_you_mean

FORMATS: dict[str, Format] = {
    "nvlabs-munit": nvlabs_munit,
    "nvlabs-unit": nvlabs_unit,
    "junyanz-cyclegan": junyanz_cyclegan,
    "junyanz-pix2pix": junyanz_pix2pix,
    "junyanz-bicyclegan": junyanz_bicyclegan,
    "yunjey-stargan": yunjey_stargan,
    "mmagic-cyclegan": mmagic_cyclegan,
    "mmagic-pix2pix": mmagic_pix2pix,
    "nvidia-pix2pixhd": nvidia_pix2pixhd,
    "pytorch-gan-cyclegan": pytorch_gan_cyclegan,
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
    if not paths:
        raise ValueError("no checkpoint file is given; expected at least one")
    contents = [read_checkpoint(path) for path in paths]
    for content in contents:
        if family := family_of(content.state):
            raise ValueError(f"{content.path} cannot be imported: {family}")
    notes = []
    if format is None:
        format = _recognise(contents)
        notes.append(f"recognised as {format}")
    module = FORMATS[format]
    sources = arrange(contents, module, _roles()) or _as_given(contents, format)
    notes += [note for content in contents for note in note_left_out(content, sources)]
    # a setting of how images are read, which no codebase knows
    given = dict(options or {})
    ranges = {key: text for key, text in given.items() if key.split(".")[0] == "value_range"}
    others = {key: text for key, text in given.items() if key not in ranges}
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


def _roles() -> list[str]:
    """Return the networks of all formats."""
    return [role for module in FORMATS.values() for role in module.FILES.roles]


def _recognise(contents: list[Contents]) -> str:
    """Return the format that the tensors have.

    Raises:
        ValueError: They have none, several, or one whose networks come in another order.
    """
    matches = [name for name, module in FORMATS.items() if arrange(contents, module, _roles())]
    if len(matches) == 1:
        return matches[0]
    names = ", ".join(str(content.path) for content in contents)
    for name, module in FORMATS.items() if not matches else []:
        if sources := other_order(contents, module, _roles()):
            order = ", ".join(str(source.path) for source in sources)
            raise ValueError(
                f"the tensors of {names} are not of a known format in this order; expected "
                f"{module.FILES} of {name}, which is {order}"
            )
    problem = f"may be {' or '.join(matches)}" if matches else "are not of a known format"
    raise ValueError(
        f"the tensors of {names} (the first: '{next(iter(contents[0].state))}') {problem}; name "
        f"the format before the files: {', '.join(FORMATS)}"
    )


def _as_given(contents: list[Contents], format: str) -> list[CheckpointFile]:
    """Return the networks in the order given, although their tensors do not have the format.

    Raises:
        ValueError: Their number or their names do not fit the format either.
    """
    files = FORMATS[format].FILES
    parts = parts_of(contents, files, _roles())
    roles = [part.role for part in parts]
    if any(roles):
        held = ", ".join(str(role) for role in roles)
        raise ValueError(
            f"{format} is imported from the networks {files}, and the tensors of {held} in "
            f"{contents[0].path} are not those; name the format that they have"
        )
    if not len(files.required) <= len(parts) <= len(files.roles):
        raise ValueError(f"{format} is imported from the files {files}; found {len(parts)}")
    return [CheckpointFile(part.path, part.state) for part in parts]
