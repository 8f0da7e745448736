"""Files of trained classifiers and segmenters: weights, and everything needed to use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossimage._version import __version__
from crossimage.utils.files import atomic
from crossimage.utils.tensor_files import read_safetensors, write_safetensors

_VERSION = 1  # of the format


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
    check_suffix(path, kind)
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
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path, durable=True) as file:
        write_safetensors(file, tensors, metadata)


def check_suffix(path: Path, kind: str) -> None:
    """Check that the name of a file to write ends in ``.safetensors``.

    Raises:
        ValueError: It does not.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"{path} is not a file name for a {kind}; expected *.safetensors")


def read_network(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the facts, and the tensors by name on the CPU, that :func:`write_network` wrote.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not a complete file of that kind and of a version that can be read.
    """
    expected = f"a {kind} as `crossimage evaluate fit-{kind}` writes it"
    metadata, tensors = read_safetensors(path, expected)
    if metadata.get("format") != f"crossimage {kind}":
        content = metadata.get("format", "something else")
        if content == "crossimage":
            content = "a translation model"
        raise ValueError(f"{path} holds {content}, expected {expected}")
    version = metadata.get("format_version", "")
    if version != str(_VERSION):
        raise ValueError(
            f"{path} has format version '{version}' (written by crossimage "
            f"{metadata.get('version', 'unknown')}), and this crossimage {__version__} reads "
            f"version {_VERSION}; fit the {kind} again or use the other crossimage"
        )
    try:
        facts: dict[str, Any] = dict(json.loads(metadata["facts"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has incomplete metadata ({error}); fit the {kind} again"
        ) from None
    return facts, tensors
