"""Small models, images and stand-ins for the networks of evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from crossimage.config import build
from crossimage.evaluation.galleries.base import Gallery
from crossimage.evaluation.metrics.base import Amounts, Setup
from crossimage.evaluation.networks.face import FaceNetwork
from crossimage.evaluation.networks.open import MetricNetworks
from crossimage.evaluation.networks.palette import Palette
from crossimage.evaluation.networks.segmenter import Segmenter
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.run_metrics import choose, run_metrics
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from tests.conftest import small


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

    name, library, warning = "a stand-in", "none 0", ""

    def __init__(self, *classes: str) -> None:
        self.classes = classes

    def probabilities(self, images: Tensor) -> Tensor:
        light = images.float().mean((1, 2, 3)) / 255
        return torch.stack([1 - light, light], 1)


class Light(nn.Module):
    """Stands for a segmentation network: what is light is of the second class."""

    def forward(self, x: Tensor) -> Tensor:
        light = x.mean(1) / 255
        return torch.stack([1 - light, light], 1)


def networks(*classes: str, segmenter: bool = False, face: bool = False) -> MetricNetworks:
    """Random features, and stand-ins for LPIPS, a classifier, a segmenter and a face network."""
    result = MetricNetworks(torch.device("cpu"), "random")
    result.__dict__["lpips"] = Lpips()
    if classes:
        result.classifier_path = Path("classifier.safetensors")
        result.__dict__["classifier"] = Classifier(*classes)
    if segmenter:
        palette = Palette(("black", "white"), ((0, 0, 0), (255, 255, 255)), (0, 1))
        result.segmenter_path = Path("segmenter.safetensors")
        result.__dict__["segmenter"] = Segmenter(
            Light(), "lraspp_mobilenet_v3_large", palette, 16, result.device, {}
        )
    if face:
        result.face_path = Path("face.pth")
        result.__dict__["face"] = FaceNetwork(
            "a stand-in", "none 0", lambda images: images.float().mean((2, 3)) - 128
        )
    return result


def setup(
    gallery: Gallery, own: MetricNetworks | None = None, amounts: Amounts | None = None
) -> Setup:
    return Setup(gallery, own or networks(), amounts or Amounts())


def chosen(
    wanted: tuple[str, ...],
    gallery: Gallery,
    own: MetricNetworks | None = None,
    amounts: Amounts | None = None,
) -> tuple[str, ...]:
    """Names of the metrics that are computed for a gallery."""
    (choice,) = choose(wanted, [setup(gallery, own, amounts)])
    return choice.names


def evaluated(
    gallery: Gallery,
    *wanted: str,
    own: MetricNetworks | None = None,
    amounts: Amounts | None = None,
) -> Evaluation:
    names = chosen(wanted, gallery, own, amounts)
    return run_metrics(setup(gallery, own, amounts), names)


def values(evaluation: Evaluation) -> dict[str, float]:
    return {figure.name: figure.value for figure in evaluation.figures}
