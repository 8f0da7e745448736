"""Published weights: from the cache, the network or a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models import WeightsEnum

from crossimage.utils.tensor_files import read_state


class Weights(NamedTuple):
    """The weights of a network.

    Attributes:
        state: The tensors by name, on the CPU.
        path: The file that they are from.
        digest: The SHA-256 of that file.
        published: Whether they are the published ones.
    """

    state: dict[str, Tensor]
    path: Path
    digest: str
    published: bool


def read_weights(
    wanted: WeightsEnum | str, file: Path | None, purpose: str, instead: str
) -> Weights:
    """Weights of a published network.

    Args:
        wanted: The published ones: torchvision's, or an address whose file name ends in a hyphen
            and the first digits of the file's SHA-256.
        file: A file to read in their place; None: torch hub's cache, which is filled if need be.
        purpose: What needs them, in words.
        instead: What can be done without them, after "or".

    Raises:
        FileNotFoundError: They are neither in the cache nor to be downloaded, or there is no such
            file.
        ValueError: The file holds something else than tensors.
    """
    url = wanted if isinstance(wanted, str) else str(wanted.url)
    path = file or _cached(url, purpose, instead)
    state = read_state(path)
    with open(path, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Weights(state, path, digest, digest.startswith(_digest(url)))


def _digest(url: str) -> str:
    """How the SHA-256 of a published file starts, which its name tells."""
    return Path(url).stem.rsplit("-", 1)[-1]


def _cached(url: str, purpose: str, instead: str) -> Path:
    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), _digest(url), progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"{purpose} needs the weights {name}, which are not in the cache and could not be "
            f"downloaded ({error}): put {name} from {url} at {path}, or {instead}"
        ) from None
    return path
