"""Weights that torchvision publishes: from the cache, the network or a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models import WeightsEnum

from crossimage.interop.files import read_state


class Weights(NamedTuple):
    """The weights of a network.

    Attributes:
        state: The tensors by name, on the CPU.
        path: The file that they are from.
        published: Whether they are the published ones.
    """

    state: dict[str, Tensor]
    path: Path
    published: bool


def read_weights(wanted: WeightsEnum, file: Path | None, purpose: str, flag: str) -> Weights:
    """Weights of a torchvision network.

    Args:
        wanted: The published ones.
        file: A file to read in their place; None: torch hub's cache, which is filled if need be.
        purpose: What needs them, in words.
        flag: The option that names a file.

    Raises:
        FileNotFoundError: They are neither in the cache nor to be downloaded, or there is no such
            file.
        ValueError: The file holds something else than tensors.
    """
    path = file or _cached(wanted, purpose, flag)
    state = read_state(path)
    with open(path, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Weights(state, path, digest.startswith(_digest(wanted)))


def _digest(wanted: WeightsEnum) -> str:
    """How the SHA-256 of the published file starts, which its name tells."""
    return Path(str(wanted.url)).stem.rsplit("-", 1)[-1]


def _cached(wanted: WeightsEnum, purpose: str, flag: str) -> Path:
    url = str(wanted.url)
    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), _digest(wanted), progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"{purpose} needs the weights {name}, which are not in the cache and could not be "
            f"downloaded ({error}): put {name} from {url} at {path}, or name a file with {flag}"
        ) from None
    return path
