"""Load the networks of a model file, a run folder or a checkpoint."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from crossimage.checkpoints.addresses import is_model
from crossimage.checkpoints.contents import check_entries, check_weights
from crossimage.checkpoints.families import family_of
from crossimage.checkpoints.model_file import load_model
from crossimage.checkpoints.run_folder import checkpoint_path
from crossimage.checkpoints.training_state import Checkpoints, is_sealed
from crossimage.config import EARLIER_DEFAULTS, build, to_dict
from crossimage.methods import find_method
from crossimage.methods.base import Method
from crossimage.utils.foreign_files import kind_of
from crossimage.utils.reading import open_data
from crossimage.utils.seeds import OwnRandomNumbers
from crossimage.utils.tensor_files.outline import check_size, outline
from crossimage.utils.tensor_files.torch_files import read_pickle
from crossimage.utils.texts.shown import cut

_ARCHIVES = {".pt", ".pth", ".ckpt"}


def change_settings(networks: Method, settings: Mapping[str, Any], source: str) -> None:
    """Change settings of trained networks: the range of images, and how the networks translate.

    Args:
        networks: The trained method.
        settings: Values by name; those of ``value_range`` may be by letter.
        source: Origin of the values, for error messages.

    Raises:
        ValueError: A setting is fixed by training, or a value is invalid.
    """
    able = ("value_range", *networks.test_settings)
    for key in settings:
        if key not in able:
            why = (
                "must match the trained weights" if hasattr(networks.config, key) else "is unknown"
            )
            raise ValueError(
                f"{source}: '{key}' {why}; the settings of this model that may be changed after "
                f"training are {' and '.join(able)}"
            )
    config = build(type(networks.config), to_dict(networks.config), settings, source=source)
    networks.config = config
    networks.apply_test_settings()


class LoadedWeights(NamedTuple):
    """All networks of a model or run whose weights exist.

    Attributes:
        networks: The method, with the players that it has weights of.
        step: The step of the checkpoint that the players come from which only training needs; None
            if they are from the model file, or missing.
    """

    networks: Method
    step: int | None


def load_networks(path: Path, discriminators: bool = False) -> Method:
    """Load the method of a model file, run folder or checkpoint, with its weights, on the CPU.

    PyTorch's global random generators keep their states.

    Args:
        path: The file or folder.
        discriminators: Load the discriminators too; see :func:`crossimage.load`.

    Raises:
        FileNotFoundError: ``path`` holds no model.
        ValueError: The file is not a model that this version can read, or there are no
            discriminators to load.
    """
    if kind := kind_of(path):
        raise ValueError(f"{path} is not a model of crossimage: {kind}")
    if _is_archive(path):
        return load_trained(path, _warn).networks
    file = path / "model.safetensors" if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        files = [found for found in sorted(path.iterdir()) if found.is_file()]
        for found in files:
            if (kind := kind_of(found)) and kind.is_model:
                raise ValueError(f"{path} holds {found.name}, and {kind}")
        other = any(found.suffix in _ARCHIVES and not is_sealed(found) for found in files)
        hint = f", or import the checkpoints of another codebase: {_import_of(path)}"
        near = [f"'{model}'" for model in (path.parent, *sorted(path.iterdir())) if is_model(model)]
        raise FileNotFoundError(
            f"{path} holds no model.safetensors; expected a model file or a run folder in which "
            "`crossimage train` has saved a checkpoint"
            + (hint if other else f"; did you mean {' or '.join(near[:3])}?" if near else "")
        )
    # Building networks draws random weights, on the CPU.
    with OwnRandomNumbers(0):
        networks = load_model(file)
        if discriminators and "discriminators" not in networks.players():
            networks = _with_discriminators(networks, path)
    return networks


def load_trained(path: Path, report: Callable[[str], None]) -> LoadedWeights:
    """Load all networks of a run folder, model file or checkpoint, on the CPU.

    The players that only training needs are in checkpoints. Those that translate have the weights
    of the model file, which may be running averages.

    Args:
        path: The file or folder.
        report: Called with a sentence for each damaged checkpoint of a run.

    Raises:
        FileNotFoundError: There is no model at ``path``.
        ValueError: The file is neither a model nor a checkpoint that this version can read.
    """
    if kind := kind_of(path):
        raise ValueError(f"{path} is not a model of crossimage: {kind}")
    with OwnRandomNumbers(0):
        if _is_archive(path):
            return _from_checkpoint(path)
        networks = load_networks(path)
        if not path.is_dir() or len(networks.players()) == len(networks.player_order):
            return LoadedWeights(networks, None)
        try:
            newest = Checkpoints(path, keep=1).load_newest(report)
        except ValueError as error:  # all are damaged
            report(str(error))
            newest = None
        if newest is None:
            return LoadedWeights(networks, None)
        return LoadedWeights(_completed(networks, newest, path), newest[0])


def _is_archive(path: Path) -> bool:
    """Return whether a file is in PyTorch's own format rather than a model file."""
    if not path.is_file():
        return False
    with open_data(path) as file:
        start = file.read(9)
    if start[8:] == b"{":  # safetensors, whose first bytes are the length of the header
        return False
    return start.startswith(b"PK") or path.suffix in _ARCHIVES


def _import_of(path: Path) -> str:
    """Return the command that imports a file or folder."""
    return f"`{shlex.join(['crossimage', 'import', str(path)])} --out model.safetensors`"


def _check_origin(path: Path) -> None:
    """Refuse checkpoints of other codebases, and what is not a checkpoint.

    Raises:
        ValueError: The file can be read and is not a checkpoint of crossimage, or is empty.
    """
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty; copy or download it again")
    try:
        content = read_pickle(path, objects=True)
    except ValueError:
        return  # damaged or incomplete, which its checksum tells
    if isinstance(content.get("method"), Mapping):  # of a run, without its checksum
        return
    names = list(_tensor_names(content))
    if not names:
        raise ValueError(f"{path} holds no tensors; expected a model file or a run folder")
    if family := family_of(names):
        raise ValueError(f"{path} is not a model of crossimage: {family}")
    raise ValueError(
        f"{path} is a checkpoint of another codebase, with tensors such as '{cut(names[0])}'; "
        f"import it with {_import_of(path)}, and give that file in its place"
    )


def _tensor_names(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _tensor_names(value, f"{prefix}{key}.")
        elif isinstance(value, Tensor):
            yield f"{prefix}{key}"


def _from_checkpoint(path: Path) -> LoadedWeights:
    if not is_sealed(path):
        _check_origin(path)
    state = Checkpoints.load(path)
    check_entries(state, path, ("step", "method", "average", "config"))
    values = EARLIER_DEFAULTS | state["config"]
    cls = find_method(values.pop("method"), path)
    config = build(cls.Config, values, source=str(path))
    _check_fits(state, outline(lambda: cls(config, training=True), path), path)
    networks = cls(config, training=True)
    networks.load_state_dict(state["method"] | (state["average"] or {}), strict=False)
    return LoadedWeights(networks.eval(), state["step"])


def _with_discriminators(networks: Method, run: Path) -> Method:
    """Add the discriminators of the run's newest checkpoint to its networks."""
    newest = Checkpoints(run, keep=1).load_newest(_warn) if run.is_dir() else None
    if newest is None:
        raise ValueError(
            f"{run} holds no discriminators; expected a run folder with a checkpoint or a model "
            "file that was saved with them"
        )
    return _completed(networks, newest, run)


def _completed(networks: Method, newest: tuple[int, dict[str, Any]], run: Path) -> Method:
    """Add the players that only training needs, from the newest checkpoint of a run."""
    cls, config = type(networks), networks.config
    step, state = newest
    path = checkpoint_path(run, step)
    check_entries(state, path, ("method",))
    _check_fits(state, outline(lambda: cls(config, training=True), path), path)
    complete = cls(config, training=True)
    # The weights of the model file take precedence, because they may be running averages.
    complete.load_state_dict({**state["method"], **networks.state_dict()}, strict=False)
    return complete.eval()


def _check_fits(state: Mapping[str, Any], networks: Method, path: Path) -> None:
    """Refuse a checkpoint whose weights are not those of networks without values."""
    check_weights(state, networks.tensors(), path)
    held = sum(tensor.nbytes for tensor in state["method"].values())
    check_size(networks, held, path)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=2)
