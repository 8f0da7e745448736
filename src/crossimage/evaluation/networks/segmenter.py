"""Segmenters of photos: architectures, files, and trained segmenters in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models
from torchvision.models import segmentation

from crossimage.evaluation.galleries.images import check_rgb, resize_shortest
from crossimage.evaluation.networks.network_file import LARGEST_SIZE, read_network, write_network
from crossimage.evaluation.networks.palette import VOID, Palette
from crossimage.evaluation.options import SegmenterName
from crossimage.evaluation.report.figures import library
from crossimage.utils.texts.shown import shown

_BATCH_SIZE = 16


class SegmenterArchitecture(NamedTuple):
    """A torchvision network.

    Attributes:
        title: Its name, for a reader.
        build: Builds it with random weights; takes ``num_classes``.
        weights: Published weights that its backbone can start from.
    """

    title: str
    build: Callable[..., nn.Module]
    weights: Any


SEGMENTERS: Mapping[SegmenterName, SegmenterArchitecture] = {
    "fcn_resnet50": SegmenterArchitecture(
        "FCN with ResNet-50", segmentation.fcn_resnet50, models.ResNet50_Weights.IMAGENET1K_V1
    ),
    "deeplabv3_mobilenet_v3_large": SegmenterArchitecture(
        "DeepLabv3 with MobileNetV3-Large",
        segmentation.deeplabv3_mobilenet_v3_large,
        models.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    ),
    "lraspp_mobilenet_v3_large": SegmenterArchitecture(
        "LR-ASPP with MobileNetV3-Large",
        segmentation.lraspp_mobilenet_v3_large,
        models.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    ),
}
"""The networks that can be trained, by name; the last one is by far the lightest."""


class SegmenterNetwork(nn.Module):
    """A segmentation network that normalises its input.

    Args:
        name: Name of its architecture.
        classes: Number of classes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: SegmenterName, classes: int) -> None:
        super().__init__()
        self.body = SEGMENTERS[name].build(weights=None, weights_backbone=None, num_classes=classes)
        for buffer, values in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            x = torch.tensor(values)[:, None, None] * 255
            self.register_buffer(buffer, x, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes, H, W) of float images (N, 3, H, W) with values 0 to 255."""
        return self.body((x - self.mean) / self.std)["out"]


@dataclass(frozen=True)
class Segmenter:
    """A trained segmenter in use.

    Attributes:
        network: Computes logits; see :class:`SegmenterNetwork`.
        architecture: Name of its architecture.
        palette: The classes and their colours in label maps.
        size: Length of the shortest side of the images that it was trained on.
        device: Where it computes.
        facts: Further facts about it; ``held_out`` becomes part of its name.
    """

    network: nn.Module
    architecture: SegmenterName
    palette: Palette
    size: int
    device: torch.device
    facts: dict[str, str]

    @property
    def name(self) -> str:
        """Description for a reader."""
        known = self.facts.get("held_out", "")
        classes = len(self.palette.names)
        return f"a {SEGMENTERS[self.architecture].title} trained on {classes} classes" + (
            f" ({known})" if known else ""
        )

    @property
    def library(self) -> str:
        """The package that its network comes from, with its version."""
        return library("torchvision")

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return the class of every pixel (N, H, W) of images (N, 3, H, W) of uint8.

        Images are resized to the size that the network was trained on, and its logits back.

        Raises:
            ValueError: They are not uint8 RGB images.
        """
        check_rgb(images)
        return torch.cat([self._classes(part) for part in torch.split(images, _BATCH_SIZE)])

    def _classes(self, images: Tensor) -> Tensor:
        x = resize_shortest(images.to(self.device, non_blocking=True), self.size).float()
        logits = self.network(x)
        if logits.shape[2:] != images.shape[2:]:
            logits = functional.interpolate(
                logits, images.shape[2:], mode="bilinear", align_corners=False
            )
        return logits.argmax(1).cpu()


def save_segmenter(path: Path, segmenter: Segmenter) -> None:
    """Write a segmenter to a file, atomically.

    Raises:
        OSError: The file can't be written; a previous one is kept.
        ValueError: The file has another suffix than ``.safetensors``.
    """
    palette = segmenter.palette
    facts = {
        "network": segmenter.architecture,
        "size": segmenter.size,
        "names": palette.names,
        "colours": palette.colours,
        "numbers": palette.numbers,
        "facts": segmenter.facts,
    }
    write_network(path, "segmenter", segmenter.network, facts)


def load_segmenter(path: Path, device: torch.device) -> Segmenter:
    """Read the file of a segmenter.

    Args:
        path: What :func:`save_segmenter` wrote.
        device: Where to compute.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is of another kind, damaged, or of another version.
    """
    facts, network, _ = read_network(path, "segmenter", _build)
    network = network.eval().requires_grad_(False).to(device)
    name: SegmenterName = facts["network"]
    return Segmenter(network, name, _palette(facts), int(facts["size"]), device, facts["facts"])


def _build(facts: Mapping[str, Any]) -> SegmenterNetwork:
    """Build a network from the facts of its file.

    Raises:
        KeyError, TypeError, ValueError: They are incomplete or wrong.
    """
    (name,) = (name for name in SEGMENTERS if name == facts["network"])
    if not 1 <= int(facts["size"]) <= LARGEST_SIZE or not isinstance(facts["facts"], dict):
        raise ValueError(f"size {shown(facts['size'])}, facts {shown(facts['facts'])}")
    return SegmenterNetwork(name, len(_palette(facts).names))


def _palette(facts: Mapping[str, Any]) -> Palette:
    names = tuple(map(str, facts["names"]))
    colours = tuple((int(r), int(g), int(b)) for r, g, b in facts["colours"])
    numbers = tuple(map(int, facts["numbers"]))
    known = {*range(len(names)), VOID}
    if not names or len(colours) != len(numbers) or not known.issuperset(numbers):
        raise ValueError(f"{len(names)} names, {len(colours)} colours, {len(numbers)} numbers")
    return Palette(names, colours, numbers)
