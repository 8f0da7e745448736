"""The model file: one ``.safetensors`` file that holds all that is needed to translate.

Its metadata says which method the weights belong to and how that was configured, so that loading
is a look-up in a table and no code comes from the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from crossimage._version import __version__
from crossimage.config import build, to_dict
from crossimage.methods import METHODS, find_method
from crossimage.methods.base import Method
from crossimage.utils.files import atomic

FORMAT, FORMAT_VERSION = "crossimage", 1


def save_model(path: Path, method: Method, *, discriminators: bool = False) -> None:
    """Write the weights that translate, with all that is needed to use them, to one file.

    Args:
        path: The ``.safetensors`` file.
        method: The method; its class is one of ``METHODS``.
        discriminators: Write the weights of all players, not only of those that translate.

    Raises:
        OSError: The file can't be written; what stood at ``path`` still stands.
    """
    name = next(name for name, cls in METHODS.items() if cls is type(method))
    plain = {
        key: value.to("cpu", copy=True, memory_format=torch.contiguous_format)
        for key, value in method.tensors(*_players(method, discriminators)).items()
    }
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "version": __version__,
        "method": name,
        "config": json.dumps(to_dict(method.config)),
        "domains": json.dumps(list(method.config.domains)),
        "contents": "all" if discriminators else "translation",
        "checksum": _checksum(plain),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path, durable=True) as file:
        file.write(safetensors.torch.save(plain, metadata))


def load_model(path: Path | str) -> Method:
    """Build the method of a model file, with its weights, on the CPU and in evaluation mode.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a complete, undamaged model file that this version understands.
    """
    path = Path(path)
    metadata = _metadata(path)
    name = metadata.get("method", "")
    cls = find_method(name, path)
    try:
        values = dict(json.loads(metadata["config"]))
        everything = {"translation": False, "all": True}[metadata["contents"]]
        checksum = metadata["checksum"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has incomplete metadata ({error}); get or write the model file again"
        ) from None
    method = cls(build(cls.Config, values, source=str(path)), training=everything)
    try:
        found = safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); get or write it again") from None
    _compare(path, name, found, method.tensors(*_players(method, everything)))
    if _checksum(found) != checksum:
        raise ValueError(
            f"{path} is damaged: its weights do not match its checksum; get or write it again"
        )
    method.load_state_dict(found, strict=False)
    return method.eval()


def _players(method: Method, everything: bool) -> tuple[str, ...]:
    return tuple(method.players()) if everything else method.inference_players


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _metadata(path: Path) -> dict[str, str]:
    """The metadata of a complete model file of a version that is understood."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a .safetensors model file")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a .safetensors model file")
    header, complete = _header(path)
    if not complete:
        raise ValueError(f"{path} is truncated; copy or download the model file again")
    metadata = dict(header.get("__metadata__", {}))
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path} is a safetensors file, but not a model written by crossimage; "
            "a foreign checkpoint comes in through `crossimage import`"
        )
    version = str(metadata.get("format_version"))
    if not version.isdigit() or int(version) > FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version '{version}' (written by crossimage "
            f"{metadata.get('version', 'unknown')}), and this crossimage {__version__} reads up to "
            f"version {FORMAT_VERSION}; upgrade crossimage"
        )
    return cast("dict[str, str]", metadata)


def _header(path: Path) -> tuple[dict[str, Any], bool]:
    """A safetensors file's header, and whether all of the file's bytes are there.

    The format: eight bytes with the length of the header, the header in JSON, the tensors' bytes.
    """
    with open(path, "rb") as file:
        start = file.read(9)
        length = int.from_bytes(start[:8], "little")
        size = os.fstat(file.fileno()).st_size
        if start[8:] != b"{" and start.startswith((b"PK", b"\x80")):
            raise ValueError(
                f"{path} is a PyTorch pickle, which could run code when it is read; models are "
                ".safetensors files, and foreign checkpoints come in through `crossimage import`"
            )
        if len(start) < 9 or (start[8:] == b"{" and size < 8 + length):
            return {}, False
        try:
            if start[8:] != b"{":
                raise ValueError
            header = json.loads(start[8:] + file.read(length - 1))
            dict(header.get("__metadata__", {}))
            tensors = [entry for name, entry in header.items() if name != "__metadata__"]
            end = 8 + length + max((entry["data_offsets"][1] for entry in tensors), default=0)
        except (ValueError, KeyError, TypeError, IndexError):
            raise ValueError(f"{path} is not a safetensors file; expected a model file") from None
    return header, size >= end


def _compare(
    path: Path, name: str, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """Refuse weights that are not those of the configured networks."""
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    shapes = [key for key in expected if key in found and found[key].shape != expected[key].shape]
    problems = []
    if missing:
        problems.append(f"{len(missing)} missing, the first '{missing[0]}'")
    if extra:
        problems.append(f"{len(extra)} unexpected, the first '{extra[0]}'")
    if shapes:
        key = shapes[0]
        problems.append(
            f"{len(shapes)} of another shape, the first '{key}' "
            f"({list(found[key].shape)}, expected {list(expected[key].shape)})"
        )
    if problems:
        raise ValueError(
            f"the weights in {path} do not fit a {name} of its config: {'; '.join(problems)}; "
            "get or write the model file again"
        )
