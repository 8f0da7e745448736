"""The checkpoints in the folder of a training run of an official program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crossimage.interop.file_names import number_of, read_name
from crossimage.utils.foreign_files import kind_of
from crossimage.utils.numbers import digits

_ENDINGS = {".pth", ".pt", ".ckpt", ".safetensors"}
_OPTIONS = ("test_opt.txt", "opt.txt", "train_opt.txt")
_BELOW = ("", "checkpoints", "models")


@dataclass
class ForeignRun:
    """The files of one epoch of a training run.

    Attributes:
        paths: The files.
        roles: The network that each holds, where the run's folder tells.
        options: The files with the options of the run, the most important last.
        notes: Sentences on what is chosen and left out.
    """

    paths: list[Path]
    roles: list[str | None]
    options: list[Path]
    notes: list[str] = field(default_factory=list)


def find_run(folder: Path, epoch: str | None) -> ForeignRun:
    """Find the files of a training run as they lie on disk.

    Args:
        folder: ``checkpoints/NAME`` of the code of CycleGAN, ``outputs/NAME`` of MUNIT, the folder
            of StarGAN that contains ``models``, or the folder in it that has the files.
        epoch: The epoch or iteration to take; by default ``latest``, or the only one.

    Raises:
        ValueError: There are no checkpoints, or those of several epochs.
    """
    for name in _BELOW:
        found = _checkpoints(folder / name)
        if found:
            break
    else:
        raise ValueError(_nothing(folder))
    numbers = {number_of(name): name for name in found}
    if epoch is not None and number_of(epoch) not in numbers:
        raise ValueError(f"{folder} has no epoch={epoch}; expected one of {_listed(list(found))}")
    if epoch is not None:
        chosen = numbers[number_of(epoch)]
    elif len(found) == 1 or "latest" in found:
        chosen = "latest" if "latest" in found else next(iter(found))
    else:
        last = max(found, key=lambda name: digits(name, 18) or 0)
        raise ValueError(
            f"{folder} holds checkpoints of several epochs ({_listed(list(found))}) and no latest "
            f"one; choose one as in epoch={last}"
        )
    notes = [f"{folder}: the files of {chosen or 'the run'}"]
    if len(found) > 1:
        others = [name for name in found if name != chosen]
        notes[0] += f"; not those of {_listed(others)}"
    networks = found[chosen]
    paths = list(networks.values())
    others = [path.name for path in _files(paths[0].parent) if read_name(path) is None]
    if others:
        notes.append(f"left out, since their names belong to no network: {_listed(others)}")
    return ForeignRun(paths, list(networks), options_beside(paths), notes)


def options_beside(paths: Sequence[Path]) -> list[Path]:
    """Return the files of options that belong to checkpoints, the most important last.

    They lie where the official programs write them, and belong only to files with official names.
    """
    folders = {path.parent for path in paths}
    if len(folders) != 1 or not all(read_name(path) for path in paths):
        return []
    (folder,) = folders
    texts = [folder / name for name in _OPTIONS if (folder / name).is_file()]
    config = folder.resolve().parent / "config.yaml"
    if not texts and folder.resolve().name == "checkpoints" and config.is_file():
        return [config]
    return texts


def _checkpoints(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the checkpoints of a folder by epoch and role."""
    found: dict[str, dict[str, Path]] = {}
    for path in _files(folder):
        if name := read_name(path):
            found.setdefault(name.epoch, {})[name.role] = path
    return found


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder that may be checkpoints."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.suffix in _ENDINGS and path.is_file()]


def _nothing(folder: Path) -> str:
    """Return why there is nothing to import from a folder."""
    if kind := kind_of(folder):
        return f"{folder} cannot be imported: {kind}"
    inside = [p for p in sorted(folder.iterdir()) if p.is_dir()]
    runs = [path.name for path in inside if any(_checkpoints(path / name) for name in _BELOW)]
    if runs:
        return f"{folder} holds folders of training runs; give one of them: {_listed(runs)}"
    for path in sorted(folder.iterdir()):
        if path.is_file() and (kind := kind_of(path)) and kind.is_model:
            return f"{folder} cannot be imported: it holds {path.name}, and {kind}"
    files = [path.name for path in _files(folder)]
    held = f"; give its files themselves: {_listed(files)}" if files else ""
    return (
        f"{folder} holds no files named like checkpoints; expected files such as "
        f"latest_net_G_A.pth, gen_00010000.pt, 100000_nets_ema.ckpt or 200000-G.ckpt{held}"
    )


def _listed(names: Sequence[str], most: int = 6) -> str:
    rest = f", ... ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
