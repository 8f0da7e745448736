"""Files of networks that were fitted to judge pictures: weights, and all that using them takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from crossimage._version import __version__
from crossimage.utils.files import atomic
from crossimage.utils.tensor_files import read_safetensors

_VERSION = 1  # of the format


def write_network(path: Path, kind: str, network: nn.Module, facts: dict[str, Any]) -> None:
    """Write a network's weights, with what is known of it, to one ``.safetensors`` file.

    Args:
        path: The file; its folder is made if need be.
        kind: What it is, such as ``segmenter``.
        network: The network.
        facts: What using it takes, as plain data.

    Raises:
        OSError: The file can't be written; what stood at ``path`` still stands.
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
        file.write(safetensors.torch.save(tensors, metadata))


def check_suffix(path: Path, kind: str) -> None:
    """Refuse a file name to write to that doesn't end in ``.safetensors``.

    Raises:
        ValueError: It doesn't.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"{path} is no name for a {kind}; expected a file *.safetensors")


def read_network(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What :func:`write_network` wrote: the facts, and the tensors by name, on the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no complete file of that kind that this version understands.
    """
    expected = f"a {kind} as `crossimage evaluate fit-{kind}` writes it"
    metadata, tensors = read_safetensors(path, expected)
    if metadata.get("format") != f"crossimage {kind}":
        found = metadata.get("format", "something else")
        if found == "crossimage":
            found = "a model that translates"
        raise ValueError(f"{path} holds {found}, expected {expected}")
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
