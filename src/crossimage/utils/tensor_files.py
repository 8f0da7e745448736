"""Files of tensors: PyTorch checkpoints, published weights and safetensors; none can run code."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.error import URLError

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from crossimage.utils.foreign_files import kind_of

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
        with open(self.path, "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

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


def write_safetensors(
    file: IO[bytes], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write tensors and metadata as safetensors; the same ones always give the same bytes."""
    content = memoryview(safetensors.torch.save(dict(tensors), dict(metadata)))
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8:start]))
    header["__metadata__"] = dict(sorted(metadata.items()))  # the library's order is arbitrary
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    file.write(content[start:])


def read_safetensors(path: Path, expected: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read the metadata and the tensors of a ``.safetensors`` file, on the CPU.

    Args:
        path: The file.
        expected: What it should be, for the error message: ``a model file``.

    Raises:
        FileNotFoundError: The file does not exist.
        OSError: It cannot be opened.
        ValueError: It is truncated, damaged or of another kind.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected {expected}")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected {expected}")
    with open(path, "rb") as file:
        start, size = file.read(9), os.fstat(file.fileno()).st_size
    is_header = start[8:] == b"{"
    if kind := kind_of(path):
        raise ValueError(f"{path} is not a safetensors file; expected {expected}; {kind}")
    if not is_header and start.startswith((b"PK", b"\x80")):
        raise ValueError(
            f"{path} is a PyTorch pickle, which could run code when it is read; expected "
            f"{expected}, and foreign checkpoints are imported with `crossimage import`"
        )
    if len(start) == 9 and not is_header:
        raise ValueError(f"{path} is not a safetensors file; expected {expected}")
    empty = "" if size else ": it is empty"
    damage = f"{path} is truncated or not a safetensors file{empty}"
    remedy = f"expected {expected}; copy or download it again"
    if size < 9 or size < 8 + int.from_bytes(start[:8], "little"):
        raise ValueError(f"{damage}; {remedy}")
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return dict(file.metadata() or {}), tensors
    except SafetensorError as error:
        raise ValueError(f"{damage} ({error}); {remedy}") from None


def is_safetensors(path: Path) -> bool:
    """Return whether a file is in the format of safetensors, or is named so and is nothing else."""
    if not path.is_file():
        return path.suffix == ".safetensors"
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] == b"{":
        return True
    return path.suffix == ".safetensors" and not start.startswith((b"PK", b"\x80"))


class Unread:
    """Stands for a Python object of a checkpoint, which is not built.

    Attributes:
        name: The full name of its class or function.
    """

    name: str


def read_pickle(path: Path, *, objects: bool = False) -> Mapping[str, Any]:
    """Read a PyTorch file of named tensors, on the CPU, without running code from it.

    Args:
        path: The file.
        objects: Put an :class:`Unread` in the place of each Python object that is not plain data;
            by default they are refused.

    Raises:
        FileNotFoundError: The file does not exist.
        OSError: It cannot be opened.
        ValueError: It would have to run code, is damaged, or holds no dictionary.
    """
    if path.is_dir() and kind_of(path) is None:
        raise ValueError(f"{path} is a folder; expected a checkpoint file")
    if kind := kind_of(path):
        raise ValueError(f"{path} is not a PyTorch checkpoint: {kind}")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a checkpoint file")
    try:
        # an open file, because torch takes the suffix of a path for its format
        with (
            path.open("rb") as file,
            torch.serialization.safe_globals(_stand_ins(path) if objects else []),
        ):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes lead to errors of all kinds
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise ValueError(
                f"{path} holds Python objects whose code would run when it is read, and is not "
                "opened; expected a checkpoint of tensors only (a state dict)"
            ) from None
        empty = "" if path.stat().st_size else ": it is empty"
        raise ValueError(
            f"{path} is truncated, damaged or not a PyTorch checkpoint{empty}; copy or download it "
            "again"
        ) from None
    if isinstance(content, Unread):
        raise ValueError(
            f"{path} holds a {content.name} with its code, which is not opened; expected a "
            "checkpoint of named tensors: save the network's state_dict()"
        )
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; expected a checkpoint of named tensors "
            "(a state dict)"
        )
    return content


def _stand_ins(path: Path) -> list[Any]:
    """Return a class that builds an :class:`Unread` for each name that a file may not look up."""
    if not zipfile.is_zipfile(path):
        return []
    names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    return [(_stand_in(name), name) for name in names]


def _stand_in(name: str) -> type:
    """Return a class that takes whatever an object of the given name is built from."""

    def build(cls: type, *args: object, **kwargs: object) -> object:
        return object.__new__(cls)

    def forget(self: object, *args: object, **kwargs: object) -> None:
        pass

    members = {"name": name, "__new__": build, "__init__": forget, "__setstate__": forget}
    return type("Unread", (Unread,), members)


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
                f"{path} holds a {type(value).__name__} as '{name}'; expected a checkpoint of "
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
