"""The model file: one ``.safetensors`` file with all that is needed to translate.

Its metadata names the method that the weights belong to and holds the method's configuration.
Loading looks the method up in a table; no code comes from the file.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from crossimage._version import __version__
from crossimage.checkpoints.families import family_of
from crossimage.config import EARLIER_DEFAULTS, Config, build, to_dict
from crossimage.methods import find_method, method_name
from crossimage.methods.base import Method
from crossimage.utils.files import atomic
from crossimage.utils.numbers import digits
from crossimage.utils.tensor_files.outline import check_shapes, check_size, outline, shapes_of
from crossimage.utils.tensor_files.safetensors_files import (
    Safetensors,
    open_safetensors,
    write_safetensors,
)
from crossimage.utils.texts.json_text import parse_json
from crossimage.utils.texts.shown import cut
from crossimage.utils.writing.folders import make_folder

FORMAT, FORMAT_VERSION = "crossimage", 1
_METADATA = {
    "format", "format_version", "version", "method", "config", "domains", "contents", "checksum",
}  # fmt: skip


def save_model(
    path: Path, method: Method, *, discriminators: bool = False, bf16: bool = False
) -> None:
    """Write the weights that translate, and all that is needed to use them, to one file.

    Args:
        path: The ``.safetensors`` file.
        method: The method; its class is built in, registered or of an installed package.
        discriminators: Write the weights of all players, not only of those that translate.
        bf16: Round numbers to bfloat16, which halves the file. Networks compute in float32 with
            them all the same.

    Raises:
        OSError: The file cannot be written; an earlier file at ``path`` is unchanged.
    """
    name = method_name(method.kind)
    tensors = {
        key: value.to("cpu", copy=True, memory_format=torch.contiguous_format)
        for key, value in method.tensors(*_networks(method, discriminators)).items()
    }
    if bf16:
        tensors = {
            key: value.bfloat16() if value.is_floating_point() else value
            for key, value in tensors.items()
        }
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "version": __version__,
        "method": name,
        "config": json.dumps(to_dict(method.config)),
        "domains": json.dumps(list(method.config.domains)),
        "contents": "all" if discriminators else "translation",
        "checksum": _checksum(_as_loaded(tensors)),
    }
    make_folder(path.parent)
    with atomic(path, durable=True) as file:
        write_safetensors(file, tensors, metadata)


def load_model(path: Path | str) -> Method:
    """Build the method of a model file, with its weights, on the CPU and in evaluation mode.

    The file's settings and the shapes of its tensors are compared before anything is built. Files
    of earlier versions, whose settings no checksum covers, are loaded with a warning.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not a complete, undamaged model file that this version can read.
    """
    path = Path(path)
    with open_safetensors(path, "a model file (.safetensors)") as file:
        _check_format(path, file)
        try:
            method, everything = _check_networks(path, file)
        except ValueError as error:
            file.check_seal(error)
            raise
        tensors = _as_loaded(file.tensors())
    if file.seal is None:
        if _checksum(tensors) != file.metadata["checksum"]:
            raise ValueError(
                f"{path} is damaged: its weights do not match its checksum; get or write it again"
            )
        warnings.warn(unsealed(path, "model"), stacklevel=2)
    return _built(type(method), method.config, everything, tensors).eval()


class _NoFirstWeights(TorchFunctionMode):
    """Leaves weights as they are allocated, rather than drawing them."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            tensor = args[0] if args else kwargs.get("tensor")
            if isinstance(tensor, torch.nn.Parameter):
                return tensor
        return func(*args, **kwargs)


def _built(
    cls: type[Method], config: Config, everything: bool, tensors: Mapping[str, Tensor]
) -> Method:
    """Build networks with the weights of a file; drawing others first would take half the time."""
    with _NoFirstWeights():
        networks = cls(config, training=everything)
    if networks.load_state_dict(tensors, strict=False).missing_keys:  # some that are not kept
        networks = cls(config, training=everything)
        networks.load_state_dict(tensors, strict=False)
    return networks


def unsealed(path: Path, kind: str) -> str:
    """Return a sentence on a file of an earlier version, without a checksum of its settings."""
    return (
        f"{path} was written by an earlier version, and no checksum covers its settings; the "
        f"{kind} is used as it is, and has one when it is saved again"
    )


def _check_networks(path: Path, file: Safetensors) -> tuple[Method, bool]:
    """Return the method that a file describes, without values, and whether it is complete.

    Raises:
        ValueError: The metadata are incomplete, or describe other networks than the file holds.
    """
    metadata, name = file.metadata, file.metadata.get("method", "")
    cls = find_method(name, path)
    try:
        values = EARLIER_DEFAULTS | parse_json(metadata["config"])
        everything = {"translation": False, "all": True}[metadata["contents"]]
        metadata["checksum"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has incomplete metadata ({cut(error)}); get or write the model file again"
        ) from None
    if unknown := sorted(metadata.keys() - _METADATA):
        raise ValueError(f"{path} has the unknown metadata '{cut(unknown[0])}'")
    config = build(cls.Config, values, source=str(path))
    method = outline(lambda: cls(config, training=everything), path)
    expected = shapes_of(method.tensors(*_networks(method, everything)))
    check_shapes(path, f"a {name} with its config", file.shapes, expected)
    check_size(method, file.size, path)
    return method, everything


def model_hash(method: Method) -> str:
    """Return the SHA-256 of the weights that translate, as model files state it.

    Discriminators do not count, so that a run, its model file and a copy of it have one hash. That
    of an exported model is the SHA-256 of its file.
    """
    if method.file_hash:
        return method.file_hash
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


def _as_loaded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as networks hold them, with numbers of bfloat16 in float32."""
    return {k: v.float() if v.dtype is torch.bfloat16 else v for k, v in tensors.items()}


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _check_format(path: Path, file: Safetensors) -> None:
    """Refuse a file that is not a model of a version that can be read."""
    metadata = file.metadata
    if metadata.get("format") != FORMAT:
        if family := family_of(file.shapes):
            raise ValueError(f"{path} is not a model of crossimage: {family}")
        raise ValueError(
            f"{path} is a safetensors file, but not a model written by crossimage; "
            "foreign checkpoints are imported with `crossimage import`"
        )
    version = str(metadata.get("format_version"))
    number = digits(version)
    if number is None or number > FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version '{cut(version)}' (written by crossimage "
            f"{cut(metadata.get('version', 'unknown'))}), and this crossimage {__version__} reads "
            f"up to version {FORMAT_VERSION}; upgrade crossimage"
        )
