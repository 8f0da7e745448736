"""Segmenters of real photos, which judge label-to-photo results: their file, and their use."""

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

from crossimage.evaluation.galleries.images import check_rgb, resized
from crossimage.evaluation.networks.network_file import read_network, write_network
from crossimage.evaluation.networks.palette import Palette
from crossimage.evaluation.options import SegmenterNetwork
from crossimage.evaluation.report.figures import library

_TOGETHER = 16  # pictures that pass through the network at a time


class Kind(NamedTuple):
    """A torchvision network.

    Attributes:
        title: What it is called.
        build: Makes it, with random weights; takes ``num_classes``.
        weights: Published weights that its first part can begin with.
    """

    title: str
    build: Callable[..., nn.Module]
    weights: Any


KINDS: Mapping[SegmenterNetwork, Kind] = {
    "fcn_resnet50": Kind(
        "FCN with ResNet-50", segmentation.fcn_resnet50, models.ResNet50_Weights.IMAGENET1K_V1
    ),
    "deeplabv3_mobilenet_v3_large": Kind(
        "DeepLabv3 with MobileNetV3-Large",
        segmentation.deeplabv3_mobilenet_v3_large,
        models.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    ),
    "lraspp_mobilenet_v3_large": Kind(
        "LR-ASPP with MobileNetV3-Large",
        segmentation.lraspp_mobilenet_v3_large,
        models.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    ),
}
"""The networks that can be trained, by name; the last one is by far the lightest."""


class Judge(nn.Module):
    """A segmentation network with the scale of its input.

    Args:
        kind: Which network.
        classes: How many classes it knows.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, kind: SegmenterNetwork, classes: int) -> None:
        super().__init__()
        self.body = KINDS[kind].build(weights=None, weights_backbone=None, num_classes=classes)
        for name, values in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            x = torch.tensor(values)[:, None, None] * 255
            self.register_buffer(name, x, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of float pictures (N, 3, H, W) with values 0 to 255."""
        logits: Tensor = self.body((x - self.mean) / self.std)["out"]
        return logits


@dataclass(frozen=True)
class Segmenter:
    """A trained segmenter in use.

    Attributes:
        network: Gives logits; see :class:`Judge`.
        kind: Which network it is.
        palette: The classes and the colours that stand for them in label maps.
        size: Length of the shortest side of the pictures that it was trained on.
        device: Where it computes.
        facts: What else is known of it; ``held_out`` is part of its name.
    """

    network: nn.Module
    kind: SegmenterNetwork
    palette: Palette
    size: int
    device: torch.device
    facts: dict[str, str]

    @property
    def name(self) -> str:
        """What it is, for a reader."""
        known = self.facts.get("held_out", "")
        classes = len(self.palette.names)
        return f"a {KINDS[self.kind].title} trained on {classes} classes" + (
            f" ({known})" if known else ""
        )

    @property
    def library(self) -> str:
        """The package that its network is from, with its version."""
        return library("torchvision")

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The class of every pixel (N, H, W) of pictures (N, 3, H, W) of uint8.

        Pictures are resized to what the network was trained on, and what it says is resized back.

        Raises:
            ValueError: They are no uint8 RGB pictures.
        """
        check_rgb(images)
        return torch.cat([self._classes(part) for part in torch.split(images, _TOGETHER)])

    def _classes(self, images: Tensor) -> Tensor:
        x = resized(images.to(self.device, non_blocking=True), self.size).float()
        logits = self.network(x)
        if logits.shape[2:] != images.shape[2:]:
            logits = functional.interpolate(
                logits, images.shape[2:], mode="bilinear", align_corners=False
            )
        found: Tensor = logits.argmax(1).cpu()
        return found


def save_segmenter(path: Path, segmenter: Segmenter) -> None:
    """Write a segmenter as one file; it is complete or not there.

    Raises:
        OSError: The file can't be written; what stood at ``path`` still stands.
        ValueError: The file has another suffix than ``.safetensors``.
    """
    palette = segmenter.palette
    facts = {
        "network": segmenter.kind,
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
        device: Where it is to compute.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such file, damaged, or of another version.
    """
    facts, tensors = read_network(path, "segmenter")
    try:
        (kind,) = (name for name in KINDS if name == facts["network"])
        palette = Palette(
            tuple(map(str, facts["names"])),
            tuple((int(r), int(g), int(b)) for r, g, b in facts["colours"]),
            tuple(map(int, facts["numbers"])),
        )
        judge = Judge(kind, len(palette.names))
        judge.load_state_dict(tensors)
        found = Segmenter(
            judge.eval().requires_grad_(False).to(device), kind, palette, int(facts["size"]),
            device, dict(facts["facts"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is damaged ({str(error).splitlines()[0]}); copy it again, or write it again "
            "with `crossimage evaluate fit-segmenter`"
        ) from None
    return found
