"""Small models, images and stand-ins for the networks of evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from crossimage.config import build
from crossimage.evaluation.galleries.base import Gallery
from crossimage.evaluation.metrics.diversity import Amounts
from crossimage.evaluation.networks.open import Tools
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.run_metrics import choose, evaluate
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from tests.conftest import small

T = TypeVar("T")


def model(method: str = "munit", **changes: Any) -> Translator:
    torch.manual_seed(0)
    kind = METHODS[method]
    settings = small(method, domains=("edges", "shoes"), **changes)
    return Translator(kind(build(kind.Config, settings), training=False), "cpu")


def pictures(folder: Path, *names: str, size: tuple[int, int] = (6, 5)) -> Path:
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


def stargan(names: tuple[str, ...], **changes: Any) -> Translator:
    torch.manual_seed(0)
    kind = METHODS["stargan"]
    settings = small("stargan", domains=names, **changes)
    return Translator(kind(build(kind.Config, settings), training=False), "cpu")


def of_classes() -> Translator:
    return stargan(("x", "y", "z"), label_sets=(3,), categorical=(True,))


class Lpips:
    """Stands for the network: the mean absolute difference."""

    name, library, comparable = "a stand-in", "none 0", False

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return (x.float() - y.float()).abs().mean((1, 2, 3)) / 255


class Classifier:
    """Stands for a classifier: the brighter, the more surely it is the last class."""

    name, library = "a stand-in", "none 0"

    def __init__(self, *classes: str) -> None:
        self.classes = classes

    def probabilities(self, images: Tensor) -> Tensor:
        light = images.float().mean((1, 2, 3)) / 255
        return torch.stack([1 - light, light], 1)


def tools(*classes: str) -> Tools:
    found = Tools(torch.device("cpu"), "random")
    found.__dict__["lpips"] = Lpips()
    if classes:
        found.classifier_path = Path("classifier.safetensors")
        found.__dict__["classifier"] = Classifier(*classes)
    return found


def silent(things: Iterable[T], what: str, total: int) -> Iterable[T]:
    return things


def chosen(
    wanted: tuple[str, ...], gallery: Gallery, tools: Tools, amounts: Amounts
) -> tuple[str, ...]:
    (choice,) = choose(wanted, [gallery], tools, amounts)
    return choice.names


def measured(
    gallery: Gallery, *wanted: str, tools: Tools, amounts: Amounts | None = None
) -> Evaluation:
    amounts = amounts or Amounts()
    return evaluate(gallery, chosen(wanted, gallery, tools, amounts), tools, amounts, silent)


def values(evaluation: Evaluation) -> dict[str, float]:
    return {figure.name: figure.value for figure in evaluation.figures}
