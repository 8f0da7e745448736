"""Load the networks of a model file or a run folder."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from crossimage.checkpoints.model_file import load_model
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.methods.base import Method


def load_networks(path: Path, discriminators: bool = False) -> Method:
    """Load the method of a model file or of a run folder, with its weights, on the CPU.

    PyTorch's global random generators keep their states.

    Args:
        path: The file or folder.
        discriminators: Load the discriminators too; see :func:`crossimage.load`.

    Raises:
        FileNotFoundError: There is no model at ``path``.
        ValueError: The file is not a model that this version can read, or there are no
            discriminators to load.
    """
    file = path / "model.safetensors" if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        raise FileNotFoundError(
            f"{path} holds no model.safetensors; expected a model file or a run folder in which "
            "`crossimage train` has saved a checkpoint"
        )
    # Building networks draws random weights, on the CPU.
    with torch.random.fork_rng(devices=[]):
        networks = load_model(file)
        if discriminators and "discriminators" not in networks.players():
            networks = _with_discriminators(networks, path)
    return networks


def _with_discriminators(networks: Method, run: Path) -> Method:
    """Add the discriminators of the run's newest checkpoint to its networks."""
    newest = Checkpoints(run, keep=1).load_newest(_warn) if run.is_dir() else None
    if newest is None:
        raise ValueError(
            f"{run} holds no discriminators; expected a run folder with a checkpoint or a model "
            "file that was saved with them"
        )
    complete = type(networks)(networks.config, training=True)
    # The weights of the model file take precedence, because they may be running averages.
    tensors = {**newest[1]["method"], **networks.state_dict()}
    assert set(complete.tensors()) <= set(tensors)
    complete.load_state_dict(tensors, strict=False)
    return complete


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=2)
