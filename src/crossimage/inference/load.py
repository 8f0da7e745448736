"""Load a trained model: of a run, a file, the hub or the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from crossimage.checkpoints.addresses import model_path
from crossimage.checkpoints.load import change_settings, load_networks
from crossimage.inference.display import run_folder_of
from crossimage.inference.exported.load import is_onnx, load_exported
from crossimage.inference.predictor import Precision
from crossimage.inference.translator import Translator
from crossimage.utils.devices import find_device
from crossimage.utils.memory import read_size


def load(
    path: str | Path,
    device: str | torch.device = "auto",
    discriminators: bool = False,
    precision: Precision = "fp32",
    value_range: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    settings: Mapping[str, Any] | None = None,
    memory: str = "auto",
) -> Translator:
    """Load a trained model.

    Args:
        path: A run folder, a model file or an exported model (``.onnx``, docs/export.md); or
            ``hf://OWNER/NAME[@REVISION]``, a model of the hub (docs/hub.md), or ``builtin:NAME``.
        device: Where the networks compute; ``auto`` is the GPU if there is one.
        discriminators: Load the discriminators too, from the model file if it holds them, and
            otherwise from the run folder's newest checkpoint.
        precision: Arithmetic of translations; see :class:`crossimage.Translator`.
        value_range: Lowest and highest value of images of more than 8 bits, or these by the
            domains' letters; by default those that the model was trained with.
        settings: Other settings that may be changed after training, such as
            ``{"test_mode": "eval"}``.
        memory: Memory that translations may take; see :class:`crossimage.Translator`.

    Raises:
        FileNotFoundError: ``path`` holds no model.
        ValueError: The file is not a model that this version can read, the device or the precision
            does not exist, the memory is not an amount, a setting can't be changed, or there are no
            discriminators to load.
    """
    read_size(memory)  # before the model is read
    path = model_path(path)
    exported = is_onnx(path)
    if exported:
        _check_exported(path, device, discriminators, precision)
    target = find_device("cpu" if exported else device)
    networks = load_exported(path) if exported else load_networks(path, discriminators)
    changed = dict(settings or {})
    if value_range is not None:
        changed["value_range"] = value_range
    if changed:
        change_settings(networks, changed, "crossimage.load")
    translator = Translator(networks, target, precision, memory)
    translator.run_folder = run_folder_of(path)
    return translator


def _check_exported(
    path: Path, device: str | torch.device, discriminators: bool, precision: Precision
) -> None:
    """Refuse what an exported model does not have."""
    if str(device) not in ("auto", "cpu"):
        raise ValueError(
            f"{path} is an exported model, which computes on the CPU, and the device is "
            f"'{device}'; leave it out, or use the model that it was exported from"
        )
    if discriminators:
        raise ValueError(
            f"{path} is an exported model, which has no discriminators; use the run that it was "
            "exported from"
        )
    if precision != "fp32":
        raise ValueError(
            f"{path} is an exported model, whose precision is that of its graph; leave out "
            f"precision={precision}"
        )
