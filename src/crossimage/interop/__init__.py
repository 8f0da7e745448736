"""Import models of other codebases: one module per checkpoint format, listed in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossimage.checkpoints.families import family_of
from crossimage.checkpoints.model_file import save_model
from crossimage.config import build, read_yaml, to_dict
from crossimage.interop import (
    clovaai_stargan_v2,
    junyanz_bicyclegan,
    junyanz_cyclegan,
    junyanz_pix2pix,
    mmagic_cyclegan,
    mmagic_pix2pix,
    nvidia_pix2pixhd,
    nvlabs_funit,
    nvlabs_munit,
    nvlabs_unit,
    pytorch_gan_cyclegan,
    rt219_sketch,
    taesungp_cut,
    taesungp_sincut,
    wchen342_sketchygan,
    yunjey_stargan,
)
from crossimage.interop.arrangement import arrange, note_left_out, other_order, parts_of
from crossimage.interop.checkpoint_files import Contents, read_checkpoint
from crossimage.interop.file_names import check_names
from crossimage.interop.junyanz_options import read_options
from crossimage.interop.mapping import (
    CheckpointFile,
    Format,
    MismatchError,
    check_finite,
    nest,
)
from crossimage.interop.run_folder import ForeignRun, find_run, options_beside
from crossimage.utils.names import did_you_mean
from crossimage.utils.paths import as_path, check_not_special
from crossimage.utils.seeds import OwnRandomNumbers
from crossimage.utils.texts.shown import cut

FORMATS: dict[str, Format] = {
    "nvlabs-munit": nvlabs_munit,
    "nvlabs-unit": nvlabs_unit,
    "nvlabs-funit": nvlabs_funit,
    "junyanz-cyclegan": junyanz_cyclegan,
    "junyanz-pix2pix": junyanz_pix2pix,
    "junyanz-bicyclegan": junyanz_bicyclegan,
    "taesungp-cut": taesungp_cut,
    "taesungp-sincut": taesungp_sincut,
    "yunjey-stargan": yunjey_stargan,
    "wchen342-sketchygan": wchen342_sketchygan,
    "rt219-sketch": rt219_sketch,
    "clovaai-stargan-v2": clovaai_stargan_v2,
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
        files: The checkpoint's files, in the order of the format; or the folder of a training run,
            as the official program has written it.
        out: The model file to write.
        format: Name in ``FORMATS``; None to recognise it by the names of the tensors.
        options: Settings that the tensors do not determine; ``epoch`` chooses among the checkpoints
            of a folder.
        config: The official config file (``config.yaml`` or ``train_opt.txt``); by default the one
            where the official program writes it, if files and folders have their official names.

    Returns:
        Notes that say what was recognised and where the settings come from.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is damaged, has an unknown format, or does not fit.
    """
    paths, out = [as_path(file, "a file") for file in files], as_path(out, "out")
    for path in paths:
        check_not_special(path)
    if format is not None and format not in FORMATS:
        hint = did_you_mean(format, FORMATS) or ";"
        raise ValueError(
            f"unknown format '{cut(format)}'{hint} known formats: {', '.join(FORMATS)}"
        )
    if out.is_dir() or out.resolve() in {path.resolve() for path in paths}:
        kind = "a folder" if out.is_dir() else "one of the files to import"
        raise ValueError(f"{out} is {kind}; give the new model file another name")
    given = dict(options or {})
    run = _find(paths, given.pop("epoch", None))
    configs = [as_path(config, "config")] if config is not None else run.options
    contents = [read_checkpoint(path) for path in run.paths]
    for content, role in zip(contents, run.roles, strict=True):
        content.role = role
        if family := family_of(content.state):
            raise ValueError(f"{content.path} cannot be imported: {family}")
    notes = list(run.notes)
    if format is None:
        format = _recognise(contents)
        notes.append(f"recognised as {format}")
    module = FORMATS[format]
    sources = arrange(contents, module, _roles()) or _as_given(contents, format)
    check_finite(sources)
    notes += [note for content in contents for note in note_left_out(content, sources)]
    # a setting of how images are read, which no codebase knows
    ranges = {key: text for key, text in given.items() if key.split(".")[0] == "value_range"}
    others = {key: text for key, text in given.items() if key not in ranges}
    with OwnRandomNumbers(0):  # building networks draws random weights
        settings = _read_config(configs)
        try:
            converted = module.convert(sources, others, settings)
            for source in sources:
                source.check_all_used()
        except MismatchError as error:
            check_names(run.paths, sources, module.FILES)
            if not configs:
                raise
            names = " and ".join(map(str, configs))
            those = (
                f"are {names} the config files" if configs[1:] else f"is {names} the config file"
            )
            raise ValueError(f"{error}; {those} of this model?") from None
    check_names(run.paths, sources, module.FILES)
    if configs and config is None:
        notes.append(f"options from {', '.join(map(str, configs))}")
    method = converted.method
    method.config = build(
        type(method.config),
        to_dict(method.config) | {"holdout": 0.0},  # nothing was held out elsewhere
        nest(ranges),
        source="crossimage import",
    )
    domains = method.config.domains
    if not converted.method.labels and (len(set(domains)) != 2 or len(domains) != 2):
        raise ValueError(f"domains must be two different names, found '{','.join(domains)}'")
    save_model(out, converted.method, discriminators=converted.discriminators)
    return notes + converted.notes


def _find(paths: list[Path], epoch: str | None) -> ForeignRun:
    """Return the files to read: those given, or those of the folder given.

    Raises:
        ValueError: None or too much is given, or a folder holds no checkpoint or several.
    """
    if not paths:
        raise ValueError("no checkpoint file is given; expected at least one")
    folders = [path for path in paths if path.is_dir()]
    if folders and len(paths) > 1:
        raise ValueError(
            f"{folders[0]} is a folder; expected the folder of one training run, or the files of a "
            "checkpoint"
        )
    if folders:
        return find_run(folders[0], epoch)
    if epoch is not None:
        raise ValueError(
            f"epoch={epoch} chooses among the checkpoints of a folder, and {paths[0]} is a file"
        )
    return ForeignRun(paths, [None] * len(paths), options_beside(paths))


def _read_config(paths: list[Path]) -> dict[str, Any] | None:
    """Read files of options; the last takes precedence."""
    values: dict[str, Any] = {}
    for path in paths:
        values |= read_options(path) if path.suffix == ".txt" else read_yaml(path)
    return values if paths else None


def _roles() -> list[str]:
    """Return the networks of all formats."""
    files = [module.FILES for module in FORMATS.values()]
    return [role for own in files for role in (*own.roles, *own.beside)]


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
        f"the tensors of {names} (the first: '{cut(next(iter(contents[0].state)))}') {problem}; "
        f"name the format before the files: {', '.join(FORMATS)}"
    )


def _as_given(contents: list[Contents], format: str) -> list[CheckpointFile]:
    """Return the networks in the order given, although their tensors do not have the format.

    Raises:
        ValueError: Their number or their names do not fit the format either.
    """
    files = FORMATS[format].FILES
    parts = parts_of(contents, files, _roles())
    roles = [part.role for part in parts]
    if any(roles) and not files.any_order:
        held = ", ".join(str(role) for role in roles)
        raise ValueError(
            f"{format} is imported from the networks {files}, and the tensors of {held} in "
            f"{contents[0].path} are not those; name the format that they have"
        )
    if not len(files.required) <= len(parts) <= len(files.roles):
        raise ValueError(f"{format} is imported from the files {files}; found {len(parts)}")
    return [CheckpointFile(part.path, part.state) for part in parts]
