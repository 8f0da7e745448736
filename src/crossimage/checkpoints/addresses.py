"""Names of models: paths, models of the package (``builtin:NAME``) and of the hub (``hf://``)."""

from __future__ import annotations

import os
import re
from pathlib import Path

from crossimage.checkpoints.from_hub import download_model, parse_address
from crossimage.utils.foreign_files import kind_of
from crossimage.utils.names import did_you_mean, nearest_path
from crossimage.utils.paths import as_path
from crossimage.utils.texts.shown import cut

BUILTIN = Path(__file__).parent / "builtin"
"""Folder of the models that the package ships, as ``NAME.safetensors``."""

_MODELS = (".safetensors", ".onnx")

_ADDRESS = re.compile(r"(builtin:|hf:/{1,2})(.*)", re.DOTALL)
_PAGE = re.compile(
    r"https?:/{1,2}(?:www\.)?(?:huggingface\.co|hf\.co)/([^/?#@\s]+/[^/?#@\s]+)"
    r"(?:/(?:tree|blob|resolve)/([^/?#\s]+))?(?:[/?#].*)?",
    re.IGNORECASE,
)
_LIKE_REPOSITORY = re.compile(r"(?:hf:/{0,2})?([\w-]+/[\w.-]+)", re.IGNORECASE | re.ASCII)


def model_path(model: str | Path, name: str = "the model's path") -> Path:
    """Return the path of a model that a user names, downloading it if it is on the hub.

    Args:
        model: A path, ``builtin:NAME``, or ``hf://OWNER/NAME[@REVISION]``. A file whose name begins
            like an address is reached by ``./``.
        name: What it is called in error messages.

    Raises:
        FileNotFoundError: There is nothing at the path, no such built-in model, or none on the hub.
        ValueError: It is empty or malformed, a page of the hub or the name of a TensorFlow model,
            or the hub's model cannot be had.
        OSError: The hub cannot be reached, or the file cannot be written.
    """
    scheme, rest = scheme_of(model)
    if scheme == "builtin":
        return _builtin(rest)
    if scheme == "hf":
        return download_model(parse_address(rest))
    if page := _PAGE.fullmatch(str(model)):
        at = f"@{page[2]}" if page[2] and page[2] != "main" else ""
        raise ValueError(
            f"{name}: {cut(str(model))} is a page of the hub; give the address of its model, "
            f"hf://{page[1]}{at}"
        )
    path = as_path(model, name)
    if not os.path.lexists(path):
        if kind := kind_of(path):
            raise ValueError(f"{path} is not a model of crossimage: {kind}")
        raise FileNotFoundError(
            f"{cut(str(path))} does not exist; expected a model file (.safetensors) or a run "
            f"folder{_nearest(path)}"
        )
    return path


def check_model(model: str | Path, name: str = "the model's path") -> None:
    """Refuse a model that is not on this machine and not on the hub, without loading PyTorch.

    Args and errors are those of :func:`model_path`; nothing is downloaded.
    """
    if scheme_of(model)[0] != "hf":
        model_path(model, name)


def scheme_of(model: object) -> tuple[str, str]:
    """Return how an address begins (``builtin``, ``hf``) and its rest; both empty for a path."""
    # pathlib makes one slash of two
    match = _ADDRESS.fullmatch(str(model)) if isinstance(model, str | Path) else None
    return (match[1].partition(":")[0], match[2]) if match else ("", "")


def builtin_names() -> list[str]:
    """Return the names of the models that the package ships."""
    return sorted(path.stem for path in BUILTIN.glob("*.safetensors"))


def _nearest(path: Path) -> str:
    """Return a hint with the run or model whose name is nearest, or with an address of the hub."""
    places = [path, *([Path("runs") / path] if path.parent == Path() else [])]
    found = [*filter(is_model, places), *(nearest_path(place, is_model) for place in places)]
    if near := next(filter(None, found), None):
        return f"; did you mean '{near}'?"
    like = None if path.parent.is_dir() else _LIKE_REPOSITORY.fullmatch(str(path))
    return f"; a model on the hub would be hf://{like[1]}" if like else ""


def is_model(path: Path) -> bool:
    """Return whether a path is a model file or the folder of a run that holds one, by its name."""
    file = path if path.suffix in _MODELS else path / "model.safetensors"
    return os.path.isfile(file)


def _builtin(name: str) -> Path:
    known = builtin_names()
    if name not in known:
        hint = did_you_mean(name, known) or (
            f"; expected one of {', '.join(f'builtin:{each}' for each in known)}" if known else ""
        )
        raise FileNotFoundError(f"crossimage has no built-in model {cut(name)!r}{hint}")
    return BUILTIN / f"{name}.safetensors"
