"""The official implementations' outputs, and their checkpoints as our importers read them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from crossimage.checkpoints.model_file import load_model
from crossimage.interop import import_model
from crossimage.methods.base import Method

SHARED = Path(__file__).resolve().parents[2] / "shared"


def folder(name: str) -> Path:
    path = SHARED / "golden" / name
    if not path.is_dir():
        pytest.skip(f"the official outputs are not at {path}")
    return path


def imported(
    format: str, *files: Path, config: Path | None = None, options: dict[str, str] | None = None
) -> Method:
    """The method of an official checkpoint, on the CPU and in evaluation mode."""
    with TemporaryDirectory() as temporary:
        out = Path(temporary) / "model.safetensors"
        import_model(files, out, format, options, config)
        return load_model(out)
