"""Published weights of networks, from torch hub's cache or files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import torch
from torch import Tensor

from crossimage.utils.reading import sha256_of
from crossimage.utils.tensor_files.torch_files import read_pickle
from crossimage.utils.texts.shown import cut

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "model.")


@dataclass(frozen=True)
class Weights:
    """The weights of a published network.

    Attributes:
        state: The tensors by torchvision's names, on the CPU.
        path: The file that they come from.
        address: URL of the published file.
    """

    state: dict[str, Tensor]
    path: Path
    address: str

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        return sha256_of(self.path)

    @property
    def published(self) -> bool:
        """Whether the file is the published one."""
        return self.digest.startswith(_digest(self.address))


def read_weights(
    published: WeightsEnum | str, file: Path | None, needed_by: str, alternative: str
) -> Weights:
    """Read the weights of a published network.

    ``file`` may be the published one, or a checkpoint that wraps such weights under
    ``state_dict`` or adds the prefix ``module.`` or ``model.`` to all names.

    Args:
        published: torchvision's weights, or an address whose file name ends in a hyphen and the
            first digits of the file's SHA-256.
        file: The file to read; by default torch hub's cache, filled by a download if needed.
        needed_by: What needs the weights, for the error message: ``the perceptual loss of MUNIT``.
        alternative: What else to do if they are missing: ``name a file with ...``.

    Raises:
        FileNotFoundError: The file does not exist; or the weights are not in the cache and cannot
            be downloaded.
        ValueError: The file is damaged or holds no tensors.
    """
    address = published if isinstance(published, str) else str(published.url)
    if file is None:
        path = _cached(address, needed_by, alternative)
    elif file.exists():
        path = file
    else:
        name = address.rsplit("/", 1)[-1]
        raise FileNotFoundError(
            f"{file} does not exist; {needed_by} needs the weights {name}, or a file like it"
        )
    content = read_pickle(path)
    for wrapper in _WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    state = _without_prefixes(_flat(path, content))
    if not state:
        raise ValueError(f"{path} holds no tensors; {needed_by} needs those of a network")
    return Weights(state, path, address)


def _flat(path: Path, content: Mapping[str, Any], prefix: str = "") -> dict[str, Tensor]:
    """Flatten nested dictionaries of tensors."""
    tensors: dict[str, Tensor] = {}
    for key, value in _without(content, "module.").items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            tensors |= _flat(path, value, f"{name}.")
        elif isinstance(value, Tensor):
            tensors[name] = value
        else:
            raise ValueError(
                f"{path} holds a {type(value).__name__} as '{cut(name)}'; expected a checkpoint of "
                "named tensors only (a state dict)"
            )
    return tensors


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefixes that wrappers of a network add to all of its names."""
    while True:
        shorter = state
        for prefix in _PREFIXES:
            shorter = _without(shorter, prefix)
        if shorter.keys() == state.keys():
            return state
        state = shorter


def _without(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Remove a prefix that all names have."""
    if state and all(str(name).startswith(prefix) for name in state):
        return {name.removeprefix(prefix): value for name, value in state.items()}
    return dict(state)


def _digest(address: str) -> str:
    """Return the first digits of a published file's SHA-256, which its name ends in."""
    return Path(address).stem.rsplit("-", 1)[-1]


def _cached(address: str, needed_by: str, alternative: str) -> Path:
    name = address.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(path), _digest(address), progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f"{needed_by} needs the weights {name}, which are not in the cache and could not be "
            f"downloaded ({error}): put {name} from {address} at {path}, or {alternative}"
        ) from None
    return path
