"""Runs that start from the weights of a trained model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from crossimage.checkpoints.load import load_networks, load_trained
from crossimage.config import Config, to_dict
from crossimage.methods.base import Method


def network_settings(model: Path, method: type[Method]) -> dict[str, Any]:
    """Read the settings of a model that shape its networks.

    Settings of data, optimisation and intervals, and the method's ``run_settings``, are left out;
    the size of images is not, if the networks take only one.

    Raises:
        FileNotFoundError: There is no model.
        ValueError: It is a model of another method.
    """
    source = load_networks(model)
    if type(source) is not method:
        raise ValueError(f"{model} holds {type(source).__name__}, not {method.__name__}")
    shaping = {"channels"} | ({"crop", "resize"} if source.fixed_size else set())
    common = {field.name for field in dataclasses.fields(Config)} - shaping
    return {
        key: value
        for key, value in to_dict(source.config).items()
        if key not in common | set(source.run_settings)
    }


def load_fixed(method: Method, model: Path) -> None:
    """Load the fixed networks that a model translates with, and note which in ``method.loaded``.

    Args:
        method: The method of the new run.
        model: A model file, run folder or checkpoint.

    Raises:
        FileNotFoundError: There is no model.
    """
    if not method.fixed():
        return
    source, own = load_networks(model), method.state_dict()
    for name in method.fixed().keys() & source.fixed().keys():
        weights = source.tensors(name)
        if not _misfit(weights, own):
            method.load_state_dict(weights, strict=False)
            method.loaded += (name,)


def warm_start(method: Method, model: Path, report: Callable[[str], None]) -> str:
    """Load the weights of a model or run into a method whose other weights stay random.

    Args:
        method: The method of the new run.
        model: A model file, run folder or checkpoint.
        report: Called with a sentence for each damaged checkpoint of a run.

    Returns:
        A sentence that says which players have which weights.

    Raises:
        FileNotFoundError: There is no model.
        ValueError: The model has other labels, or its networks for translation have other shapes.
    """
    source, step = load_trained(model, report)
    known = [own.labels.names if own.labels else () for own in (source, method)]
    others = all(known) and known[0] != known[1]
    if others and not method.few_shot:  # few-shot methods translate to any class
        raise ValueError(
            f"{model} has the labels {', '.join(known[0])}, but this run has "
            f"{', '.join(known[1])}; choose the same attributes in the same order"
        )
    own = method.state_dict()
    loaded: list[str] = []
    from_checkpoint: list[str] = []
    new: list[str] = []
    for player in method.players():
        weights = source.tensors(player) if player in source.players() else {}
        problem = _misfit(weights, own)
        if problem and player in method.inference_players:
            raise ValueError(
                f"{model}: {problem}; leave out the settings that differ from those of the model"
            )
        if others and player not in method.inference_players:
            new.append(f"{player} (of other classes)")
            continue
        if problem or not weights:
            new.append(f"{player} (of another shape)" if problem else player)
            continue
        method.load_state_dict(weights, strict=False)
        of_model = step is None or player in method.inference_players
        (loaded if of_model else from_checkpoint).append(player)
    parts = [", ".join(loaded)] if loaded else []
    if from_checkpoint:
        parts.append(f"{', '.join(from_checkpoint)} (of its checkpoint at step {step:,})")
    return f"initialised from {model}: {', '.join(parts)}" + (
        f"; new: {', '.join(new)}" if new else ""
    )


def _misfit(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str | None:
    """Return the first tensor that does not fit the new networks; None if all fit."""
    for key, value in weights.items():
        if key not in own or own[key].shape != value.shape:
            expected = tuple(own[key].shape) if key in own else "no such tensor"
            return f"{key} has shape {tuple(value.shape)}, expected {expected}"
    return None
