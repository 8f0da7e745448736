"""Files of trained classifiers and segmenters: weights, and everything needed to use them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from crossimage._version import __version__
from crossimage.checkpoints.model_file import unsealed
from crossimage.utils.files import atomic
from crossimage.utils.tensor_files.outline import check_shapes, check_size, outline, shapes_of
from crossimage.utils.tensor_files.safetensors_files import (
    Safetensors,
    open_safetensors,
    write_safetensors,
)
from crossimage.utils.texts.json_text import parse_json
from crossimage.utils.texts.shown import cut, shown
from crossimage.utils.writing.folders import check_file, make_folder

_VERSION = 1  # of the format
LARGEST_SIZE = 16_384
"""Largest side of images that a network reads, in pixels."""

_METADATA = {"format", "format_version", "version", "facts"}


def write_network(path: Path, kind: str, network: nn.Module, facts: dict[str, Any]) -> None:
    """Write a network's weights and facts to one ``.safetensors`` file.

    Args:
        path: The file; its folder is created if needed.
        kind: What the network is: ``classifier`` or ``segmenter``.
        network: The network.
        facts: What is needed to use it, as plain data.

    Raises:
        OSError: The file can't be written; a previous one is kept.
        ValueError: The file has another suffix.
    """
    check_out(path, kind)
    tensors = {
        name: x.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, x in network.state_dict().items()
    }
    metadata = {
        "format": f"crossimage {kind}",
        "format_version": str(_VERSION),
        "version": __version__,
        "facts": json.dumps(facts),
    }
    make_folder(path.parent)
    with atomic(path, durable=True) as file:
        write_safetensors(file, tensors, metadata)


def check_out(path: Path, kind: str) -> None:
    """Check that a file can be written, and that its name ends in ``.safetensors``.

    Raises:
        PermissionError: Its folder can't be written to.
        ValueError: It has another name, is a folder, or one above it is a file.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"{path} is not a file name for a {kind}; expected *.safetensors")
    check_file(path)


class NetworkFile(NamedTuple):
    """What the file of a trained network holds.

    Attributes:
        facts: What is needed to use it, as plain data.
        network: The network with its weights, on the CPU.
        digest: The SHA-256 of the weights and facts, which distinguishes it from others.
    """

    facts: dict[str, Any]
    network: nn.Module
    digest: str


def read_network(
    path: Path, kind: str, build: Callable[[dict[str, Any]], nn.Module]
) -> NetworkFile:
    """Read a network that :func:`write_network` wrote.

    The shapes of its tensors are compared with its facts before anything is built. Files of earlier
    versions, which no checksum covers, are read with a warning.

    Args:
        path: The file.
        kind: What the network should be: ``classifier`` or ``segmenter``.
        build: Builds the network with random weights from the facts.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not a complete, undamaged file of that kind and of a version that can be
            read.
    """
    expected = f"a {kind} as `crossimage evaluate fit-{kind}` writes it"
    with open_safetensors(path, expected) as file:
        _check_kind(path, file, kind, expected)
        try:
            facts = parse_json(file.metadata["facts"])
            if not isinstance(facts, dict):
                raise ValueError(f"its facts are {shown(facts)}")
            network = outline(lambda: build(facts), path)
            check_shapes(path, f"its {kind}", file.shapes, shapes_of(network.state_dict()))
            check_size(network, file.size, path)
        except (KeyError, TypeError, ValueError) as error:
            file.check_seal(error)
            raise ValueError(
                f"{path} is damaged or has incomplete metadata ({cut(error)}); copy it again, or "
                f"write it again with `crossimage evaluate fit-{kind}`"
            ) from None
        tensors = file.tensors()
    if file.seal is None:
        warnings.warn(unsealed(path, kind), stacklevel=2)
    network = build(facts)
    network.load_state_dict(tensors)
    return NetworkFile(facts, network, file.digest)


def _check_kind(path: Path, file: Safetensors, kind: str, expected: str) -> None:
    metadata = file.metadata
    if metadata.get("format") != f"crossimage {kind}":
        content = metadata.get("format", "something else")
        if content == "crossimage":
            content = "a translation model"
        raise ValueError(f"{path} holds {cut(content)}, expected {expected}")
    version = metadata.get("format_version", "")
    if version != str(_VERSION):
        raise ValueError(
            f"{path} has format version '{cut(version)}' (written by crossimage "
            f"{cut(metadata.get('version', 'unknown'))}), and this crossimage {__version__} reads "
            f"version {_VERSION}; fit the {kind} again or use the other crossimage"
        )
    if unknown := sorted(metadata.keys() - _METADATA):
        raise ValueError(f"{path} has the unknown metadata '{cut(unknown[0])}'; copy it again")
