"""The model file: one ``.safetensors`` file with all that is needed to translate.

Its metadata names the method that the weights belong to and holds the method's configuration.
Loading looks the method up in a table; no code comes from the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from crossimage._version import __version__
from crossimage.checkpoints.families import family_of
from crossimage.config import EARLIER_DEFAULTS, build, to_dict
from crossimage.methods import find_method, method_name
from crossimage.methods.base import Method
from crossimage.utils.files import atomic
from crossimage.utils.tensor_files import read_safetensors, write_safetensors

FORMAT, FORMAT_VERSION = "crossimage", 1


def save_model(path: Path, method: Method, *, discriminators: bool = False) -> None:
    """Write the weights that translate, and all that is needed to use them, to one file.

    Args:
        path: The ``.safetensors`` file.
        method: The method; its class is built in, registered or of an installed package.
        discriminators: Write the weights of all players, not only of those that translate.

    Raises:
        OSError: The file cannot be written; an earlier file at ``path`` is unchanged.
    """
    name = method_name(type(method))
    tensors = {
        key: value.to("cpu", copy=True, memory_format=torch.contiguous_format)
        for key, value in method.tensors(*_networks(method, discriminators)).items()
    }
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "version": __version__,
        "method": name,
        "config": json.dumps(to_dict(method.config)),
        "domains": json.dumps(list(method.config.domains)),
        "contents": "all" if discriminators else "translation",
        "checksum": _checksum(tensors),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path, durable=True) as file:
        write_safetensors(file, tensors, metadata)


def load_model(path: Path | str) -> Method:
    """Build the method of a model file, with its weights, on the CPU and in evaluation mode.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not a complete, undamaged model file that this version can read.
    """
    path = Path(path)
    metadata, tensors = read_safetensors(path, "a model file (.safetensors)")
    _check_format(path, metadata, tensors)
    name = metadata.get("method", "")
    cls = find_method(name, path)
    try:
        values = EARLIER_DEFAULTS | json.loads(metadata["config"])
        everything = {"translation": False, "all": True}[metadata["contents"]]
        checksum = metadata["checksum"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has incomplete metadata ({error}); get or write the model file again"
        ) from None
    method = cls(build(cls.Config, values, source=str(path)), training=everything)
    _compare(path, name, tensors, method.tensors(*_networks(method, everything)))
    if _checksum(tensors) != checksum:
        raise ValueError(
            f"{path} is damaged: its weights do not match its checksum; get or write it again"
        )
    method.load_state_dict(tensors, strict=False)
    return method.eval()


def model_hash(method: Method) -> str:
    """Return the SHA-256 of the weights that translate, as model files state it.

    Discriminators do not count, so that a run, its model file and a copy of it have one hash.
    """
    tensors = method.tensors(*_networks(method, everything=False))
    return _checksum(
        {
            name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, value in tensors.items()
        }
    )


def _networks(method: Method, everything: bool) -> tuple[str, ...]:
    """Return the names of the networks whose weights a file holds."""
    players = tuple(method.players()) if everything else method.inference_players
    return (*players, *method.fixed())


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _check_format(path: Path, metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    """Refuse a file that is not a model of a version that can be read."""
    if metadata.get("format") != FORMAT:
        if family := family_of(tensors):
            raise ValueError(f"{path} is not a model of crossimage: {family}")
        raise ValueError(
            f"{path} is a safetensors file, but not a model written by crossimage; "
            "foreign checkpoints are imported with `crossimage import`"
        )
    version = str(metadata.get("format_version"))
    if not version.isdigit() or int(version) > FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version '{version}' (written by crossimage "
            f"{metadata.get('version', 'unknown')}), and this crossimage {__version__} reads up to "
            f"version {FORMAT_VERSION}; upgrade crossimage"
        )


def _compare(
    path: Path, name: str, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """Refuse weights that do not belong to the configured networks."""
    missing = [key for key in expected if key not in tensors]
    extra = [key for key in tensors if key not in expected]
    common = [key for key in expected if key in tensors]
    shapes = [key for key in common if tensors[key].shape != expected[key].shape]
    problems = []
    if missing:
        problems.append(f"{len(missing)} missing, the first '{missing[0]}'")
    if extra:
        problems.append(f"{len(extra)} unexpected, the first '{extra[0]}'")
    if shapes:
        key = shapes[0]
        problems.append(
            f"{len(shapes)} of another shape, the first '{key}' "
            f"({list(tensors[key].shape)}, expected {list(expected[key].shape)})"
        )
    if problems:
        raise ValueError(
            f"the weights in {path} do not fit a {name} with its config: {'; '.join(problems)}; "
            "get or write the model file again"
        )
