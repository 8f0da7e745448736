"""The official implementations' outputs, and their checkpoints as our importers read them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from crossimage.checkpoints.model_file import load_model
from crossimage.interop import import_model
from crossimage.methods.base import Method

SHARED = Path(__file__).resolve().parents[2] / "shared"
HERE = Path(__file__).resolve().parent / "goldens"


def folder(name: str) -> Path:
    """The folder of a golden case: shipped with the tests, or beside the checkout."""
    for path in (HERE / name, SHARED / "golden" / name):
        if path.is_dir():
            return path
    pytest.skip(
        f"the official outputs {name} are neither in {HERE} (only the smallest are) nor in "
        f"{SHARED / 'golden'}"
    )


def imported(
    format: str, *files: Path, config: Path | None = None, options: dict[str, str] | None = None
) -> Method:
    """The method of an official checkpoint, on the CPU and in evaluation mode."""
    with TemporaryDirectory() as temporary:
        out = Path(temporary) / "model.safetensors"
        import_model(files, out, format, options, config)
        return load_model(out)
