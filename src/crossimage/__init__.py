"""Image-to-image translation between domains: train, translate, evaluate.

The public names are imported on first use, so that ``import crossimage`` stays instant and the
command line can print its help without loading PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crossimage._version import __version__ as __version__

if TYPE_CHECKING:
    from crossimage.data.images.checks.limit import set_max_pixels
    from crossimage.evaluation.api import evaluate
    from crossimage.evaluation.report.result import EvaluationResult
    from crossimage.inference.load import load
    from crossimage.inference.translator import Translator
    from crossimage.methods import METHODS, register
    from crossimage.methods.base import Method, Update
    from crossimage.training.listener import TrainingProgress
    from crossimage.training.result import TrainingResult
    from crossimage.validation.train import train

__all__ = [
    "EvaluationResult",
    "METHODS",
    "Method",
    "TrainingProgress",
    "TrainingResult",
    "Translator",
    "Update",
    "evaluate",
    "load",
    "register",
    "set_max_pixels",
    "train",
]

_HOMES = {
    "EvaluationResult": "crossimage.evaluation.report.result",
    "METHODS": "crossimage.methods",
    "Method": "crossimage.methods.base",
    "TrainingProgress": "crossimage.training.listener",
    "TrainingResult": "crossimage.training.result",
    "Translator": "crossimage.inference.translator",
    "Update": "crossimage.methods.base",
    "evaluate": "crossimage.evaluation.api",
    "load": "crossimage.inference.load",
    "register": "crossimage.methods",
    "set_max_pixels": "crossimage.data.images.checks.limit",
    "train": "crossimage.validation.train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'crossimage' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
