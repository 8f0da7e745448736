"""``crossimage import``."""

from __future__ import annotations

from glob import escape
from pathlib import Path

from tyro.conf import Positional

from crossimage.cli.arguments import (
    Checkpoint,
    Model,
)
from crossimage.cli.commands import parse
from crossimage.cli.early import check_paths
from crossimage.data.stores.missing import is_missing, missing
from crossimage.utils.names import did_you_mean
from crossimage.utils.paths import as_path, expanded
from crossimage.utils.streams import printable


def import_(
    files: Positional[Checkpoint], *, out: Model, config: Path | None = None
) -> tuple[tuple[str, ...], str, Path | None]:
    """Convert a checkpoint of another codebase to a model file.

    Args:
        files: The format (nvlabs-munit, nvlabs-unit, nvlabs-funit, junyanz-cyclegan,
            junyanz-pix2pix, junyanz-bicyclegan, taesungp-cut, taesungp-sincut, yunjey-stargan,
            clovaai-stargan-v2, rt219-sketch, wchen342-sketchygan, mmagic-cyclegan, mmagic-pix2pix,
            nvidia-pix2pixhd or pytorch-gan-cyclegan; recognised if left out) and the checkpoint's
            files: generators, encoders, then discriminators if wanted; or the folder of a training
            run. Settings that the files do not contain may follow as key=value; docs/import.md
            lists them.
        out: The model file to write (.safetensors).
        config: The codebase's own config file (config.yaml or train_opt.txt), if it has one.
    """
    # only parses: run_import separates key=value from files
    return files, out, config


def run_import(arguments: list[str]) -> None:
    """Parse the arguments of ``crossimage import`` and import the checkpoint."""
    (files_and_settings, out, config), rest = parse(
        import_, "crossimage import", arguments, return_unknown_args=True
    )
    words = [*files_and_settings, *rest]
    settings = [word for word in words if "=" in word and not expanded(Path(word)).exists()]
    files = [word for word in words if word not in settings]
    for word in files:
        if word.startswith("-"):
            raise ValueError(f"'{word}' is not understood: expected a file or key=value")
    options = dict(word.removeprefix("--").split("=", 1) for word in settings)
    check_paths(config=None if config is None else str(config))
    for number, word in enumerate(files):
        may_be_format = number == 0 and "." not in word
        if not may_be_format and is_missing(word, "the path of a checkpoint") and not _begins(word):
            raise missing(word, advice="expected a file of a checkpoint")
    from crossimage.interop import FORMATS, import_model

    format = None
    if files and (files[0] in FORMATS or not expanded(Path(files[0])).exists()):
        # a word that is not a file but is near a format's name is taken for a misspelt format
        format = files.pop(0) if did_you_mean(files[0], FORMATS) else None
    target = as_path(out, "--out")
    for note in import_model(files, target, format, options, config):
        print(printable(note))
    print(printable(f"model written to {out}"))


def _begins(word: str) -> bool:
    """Return whether names of files begin like a path, as those of TensorFlow's checkpoints do."""
    path = expanded(Path(word))
    return path.parent.is_dir() and any(path.parent.glob(f"{escape(path.name)}.*"))
