"""Runs that start from the weights of a trained model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from crossimage.checkpoints.load import load_networks
from crossimage.config import Config, to_dict
from crossimage.methods.base import Method


def network_settings(model: Path, method: type[Method]) -> dict[str, Any]:
    """Read the settings of a model that shape its networks.

    Settings of data, optimisation and intervals, and the method's ``run_settings``, are left out.

    Raises:
        FileNotFoundError: There is no model.
        ValueError: It is a model of another method.
    """
    source = load_networks(model)
    if type(source) is not method:
        raise ValueError(f"{model} holds {type(source).__name__}, not {method.__name__}")
    common = {field.name for field in dataclasses.fields(Config)} - {"channels"}
    return {
        key: value
        for key, value in to_dict(source.config).items()
        if key not in common | set(source.run_settings)
    }


def load_weights(method: Method, model: Path) -> None:
    """Load the weights of a model into a method whose other weights stay random.

    Raises:
        ValueError: The model has other labels, or tensors of other shapes.
    """
    source = load_networks(model)
    if source.labels and method.labels and source.labels.names != method.labels.names:
        raise ValueError(
            f"{model} has the labels {', '.join(source.labels.names)}, but this run has "
            f"{', '.join(method.labels.names)}; choose the same attributes in the same order"
        )
    weights, own = source.tensors(), method.state_dict()
    for key, value in weights.items():
        if key not in own or own[key].shape != value.shape:
            expected = tuple(own[key].shape) if key in own else "no such tensor"
            raise ValueError(
                f"{model}: {key} has shape {tuple(value.shape)}, expected {expected}; leave out "
                "the settings that differ from those of the model"
            )
    method.load_state_dict(weights, strict=False)
