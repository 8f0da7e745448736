"""Classifiers of real images, which judge translated ones: their file, and their use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision import models

from crossimage.evaluation.galleries.images import fitted
from crossimage.evaluation.networks.inception import Features
from crossimage.evaluation.networks.network_file import read_network, write_network
from crossimage.evaluation.options import Network
from crossimage.evaluation.report.figures import library

_KIND = "classifier"  # of file
_TOGETHER = 64  # pictures that pass through the network at a time

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


class Kind(NamedTuple):
    """A torchvision network.

    Attributes:
        title: What it is called.
        build: Makes it, with its last layer named ``fc``.
        size: Height and width of the pictures that it sees by default.
        smallest: The least that it can see.
        scale: Mean and standard deviation of the colours, from 0 to 1, that it is made for.
        weights: Published weights to begin with, where there are any.
    """

    title: str
    build: Callable[[], nn.Module]
    size: int
    smallest: int
    scale: tuple[tuple[float, ...], tuple[float, ...]]
    weights: Any


def _small() -> nn.Module:
    network: nn.Module = models.resnet18()
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def _inception() -> nn.Module:
    network: nn.Module = models.inception_v3(aux_logits=False, init_weights=False)
    return network


KINDS: dict[Network, Kind] = {
    "resnet18": Kind(
        "ResNet-18", models.resnet18, 128, 33, _IMAGENET, models.ResNet18_Weights.IMAGENET1K_V1
    ),
    # The first layers keep the size: for pictures of about 32 pixels, such as digits.
    "resnet18_small": Kind("ResNet-18 for small pictures", _small, 32, 9, _IMAGENET, None),
    "inception_v3": Kind(
        "Inception-v3", _inception, 299, 75, _HALF, models.Inception_V3_Weights.IMAGENET1K_V1
    ),
}
"""The networks that can be trained, by name."""


class Judge(nn.Module):
    """A network in two parts: what gives the features, and the last layer.

    Args:
        kind: Which network.
        size: Height and width of the pictures that it sees.
        classes: How many classes it knows.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, kind: Network, size: int, classes: int) -> None:
        super().__init__()
        self.size = size
        self.body = KINDS[kind].build()
        last = self.body.fc
        assert isinstance(last, nn.Linear)
        self.dim = last.in_features
        self.body.fc = nn.Identity()
        self.head = nn.Linear(self.dim, classes)
        for name, values in zip(("mean", "std"), KINDS[kind].scale, strict=True):
            x = torch.tensor(values)[:, None, None] * 255
            self.register_buffer(name, x, persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, D) and logits (N, classes) of float pictures with values 0 to 255."""
        features = self.body((fitted(x, self.size) - self.mean) / self.std)
        return features, self.head(features)


@dataclass(frozen=True)
class Classifier:
    """A trained classifier in use.

    Attributes:
        classes: Names of the classes.
        size: Height and width of the pictures that its network sees.
        features: Its network with the features before the last layer, for distances between sets
            of pictures.
    """

    classes: tuple[str, ...]
    size: int
    features: Features

    @property
    def name(self) -> str:
        """What it is, for a reader."""
        return self.features.name

    @property
    def library(self) -> str:
        """The package that its network is from, with its version."""
        return self.features.library

    def probabilities(self, images: Tensor) -> Tensor:
        """Probabilities (N, classes) on the CPU for pictures (N, 3, H, W) of uint8.

        Pictures are resized and cropped in the middle to what the network sees.

        Raises:
            ValueError: They are no uint8 RGB pictures.
        """
        found = [self.features(part).logits.softmax(1) for part in torch.split(images, _TOGETHER)]
        return torch.cat(found).cpu()


def classifier_of(
    judge: Judge, kind: Network, classes: Sequence[str], held_out: str = "", digest: str = ""
) -> Classifier:
    """A network in use, on its device; it does not learn any more.

    Args:
        judge: The network.
        kind: Which one it is.
        classes: Names of the classes.
        held_out: How it does on images that it has not seen, in words.
        digest: What tells it from others.
    """
    judge = judge.eval().requires_grad_(False)
    seen = f" ({held_out})" if held_out else ""
    name = f"a {KINDS[kind].title} trained on {len(classes)} classes{seen}"
    features = Features(
        judge, judge.dim, judge.mean.device, name, library("torchvision"), f"classifier {digest}",
        comparable=False,
    )  # fmt: skip
    return Classifier(tuple(classes), judge.size, features)


def save_classifier(
    path: Path, kind: Network, judge: Judge, classes: Sequence[str], facts: Mapping[str, Any]
) -> None:
    """Write a classifier as one file; it is complete or not there.

    Args:
        path: The ``.safetensors`` file.
        kind: Which network it is.
        judge: The network.
        classes: Names of the classes.
        facts: What else is to be known of it, as plain data; ``held_out`` is part of its name.

    Raises:
        OSError: The file can't be written.
    """
    own = {"network": kind, "size": judge.size, "classes": list(classes)}
    write_network(path, _KIND, judge, {**own, **facts})


def load_classifier(path: Path, device: torch.device) -> Classifier:
    """Read the file of a classifier.

    Args:
        path: What :func:`save_classifier` wrote.
        device: Where it is to compute.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such file, damaged, or of another version.
    """
    facts, state = read_network(path, _KIND)
    try:
        (kind,) = (name for name in KINDS if name == facts["network"])
        classes = [str(name) for name in facts["classes"]]
        judge = Judge(kind, int(facts["size"]), len(classes))
        judge.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is damaged ({str(error).splitlines()[0]}); copy it again, or write it again "
            "with `crossimage evaluate fit-classifier`"
        ) from None
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return classifier_of(judge.to(device), kind, classes, str(facts.get("held_out", "")), digest)
