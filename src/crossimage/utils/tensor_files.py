"""Reads checkpoints of other codebases; no code from them ever runs."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a PyTorch checkpoint by name, on the CPU.

    Names in dictionaries within the file are joined by dots (``a.enc.model.0.conv.weight``); the
    prefix that ``DataParallel`` adds is removed.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It can't be opened.
        ValueError: It needs code to be read, is damaged, or holds anything else than tensors.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a checkpoint file")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a checkpoint file")
    path.open("rb").close()  # a file that may not be opened says so
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # whatever damaged bytes lead to
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise ValueError(
                f"{path} holds Python objects whose code would run when it is read, and is not "
                "opened; expected a checkpoint of tensors only (a state dict)"
            ) from None
        raise ValueError(
            f"{path} is truncated, damaged or no PyTorch checkpoint; copy or download it again"
        ) from None
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; expected a checkpoint of named tensors "
            "(a state dict)"
        )
    tensors = _flat(path, content)
    if not tensors:
        raise ValueError(f"{path} holds no tensors; expected those of a network")
    return tensors


def strip_module(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict without the prefix ``module.`` of networks saved from ``DataParallel``."""
    if state and all(str(name).startswith("module.") for name in state):
        return {name.removeprefix("module."): value for name, value in state.items()}
    return dict(state)


def _flat(path: Path, content: Mapping[str, Any], prefix: str = "") -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for key, value in strip_module(content).items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            tensors |= _flat(path, value, f"{name}.")
        elif isinstance(value, Tensor):
            tensors[name] = value
        else:
            raise ValueError(
                f"{path} holds a {type(value).__name__} as '{name}'; expected a checkpoint of "
                "named tensors only (a state dict)"
            )
    return tensors
