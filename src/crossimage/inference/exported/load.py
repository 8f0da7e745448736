"""Load exported models."""

from __future__ import annotations

from pathlib import Path

from crossimage.config import EARLIER_DEFAULTS, build
from crossimage.inference.exported.method import ExportedMethod
from crossimage.inference.exported.onnx_file import read_onnx
from crossimage.methods import find_method
from crossimage.utils.seeds import OwnRandomNumbers
from crossimage.utils.tensor_files.outline import outline


def is_onnx(path: Path) -> bool:
    """Return whether a path is called as an exported model is."""
    return path.suffix.lower() == ".onnx" and not path.is_dir()


def load_exported(path: Path) -> ExportedMethod:
    """Load the translation of an exported model.

    Its settings are those of the file's metadata; the method is looked up by name, and no code
    comes from the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not an undamaged exported model that this version and onnxruntime can run,
            or holds another part of a model.
    """
    file = read_onnx(path)
    about = file.about
    if about.part != "translation":
        main = path.with_name(path.name.removesuffix(f".{about.part}.onnx") + ".onnx")
        raise ValueError(
            f"{path} holds the {about.part} graph of an exported model; give the file of its "
            f"translation, {main}"
        )
    cls = find_method(about.method, path)
    config = build(cls.Config, EARLIER_DEFAULTS | about.config, source=str(path))
    with OwnRandomNumbers(0):
        original = outline(lambda: cls(config, training=False), path)
    expected = original.targets if not original.labels else ("",)
    if about.to not in expected:
        raise ValueError(
            f"{path} translates to '{about.to}', which its method does not have; export the "
            "model again"
        )
    return ExportedMethod(file, original).eval()
