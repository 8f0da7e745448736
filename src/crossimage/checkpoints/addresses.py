"""Names of models: paths, models of the package (``builtin:NAME``) and of the hub (``hf://``)."""

from __future__ import annotations

import re
from pathlib import Path

from crossimage.checkpoints.from_hub import download_model, parse_address
from crossimage.utils.files import as_path
from crossimage.utils.names import did_you_mean
from crossimage.utils.texts.shown import cut

BUILTIN = Path(__file__).parent / "builtin"
"""Folder of the models that the package ships, as ``NAME.safetensors``."""

_ADDRESS = re.compile(r"(builtin:|hf:/{1,2})(.*)", re.DOTALL)


def model_path(model: str | Path, name: str = "the model's path") -> Path:
    """Return the path of a model that a user names, downloading it if it is on the hub.

    Args:
        model: A path, ``builtin:NAME``, or ``hf://OWNER/NAME[@REVISION]``. A file whose name begins
            like an address is reached by ``./``.
        name: What it is called in error messages.

    Raises:
        FileNotFoundError: There is no such built-in model, or none on the hub.
        ValueError: It is empty or malformed, or the hub's model cannot be had.
        OSError: The hub cannot be reached, or the file cannot be written.
    """
    scheme, rest = scheme_of(model)
    if scheme == "builtin":
        return _builtin(rest)
    if scheme == "hf":
        return download_model(parse_address(rest))
    return as_path(model, name)


def scheme_of(model: object) -> tuple[str, str]:
    """Return how an address begins (``builtin``, ``hf``) and its rest; both empty for a path."""
    # pathlib makes one slash of two
    match = _ADDRESS.fullmatch(str(model)) if isinstance(model, str | Path) else None
    return (match[1].partition(":")[0], match[2]) if match else ("", "")


def builtin_names() -> list[str]:
    """Return the names of the models that the package ships."""
    return sorted(path.stem for path in BUILTIN.glob("*.safetensors"))


def _builtin(name: str) -> Path:
    known = builtin_names()
    if name not in known:
        hint = did_you_mean(name, known) or (
            f"; expected one of {', '.join(f'builtin:{each}' for each in known)}" if known else ""
        )
        raise FileNotFoundError(f"crossimage has no built-in model {cut(name)!r}{hint}")
    return BUILTIN / f"{name}.safetensors"
