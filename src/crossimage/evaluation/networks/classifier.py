"""Classifiers of images: architectures, files, and trained classifiers in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision import models

from crossimage.evaluation.galleries.images import center_square
from crossimage.evaluation.networks.inception import FeatureExtractor
from crossimage.evaluation.networks.network_file import LARGEST_SIZE, read_network, write_network
from crossimage.evaluation.options import ClassifierName
from crossimage.evaluation.report.figures import library, wilson_interval
from crossimage.utils.texts.shown import shown

_KIND = "classifier"  # of file
_BATCH_SIZE = 64

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


class ClassifierArchitecture(NamedTuple):
    """A torchvision network.

    Attributes:
        title: Its name, for a reader.
        build: Builds it, with its last layer named ``fc``.
        size: Default height and width of its input images.
        min_size: Minimum height and width of its input images.
        scale: Mean and standard deviation of the colours, from 0 to 1, that it expects.
        weights: Published weights to start from, where there are any.
    """

    title: str
    build: Callable[[], nn.Module]
    size: int
    min_size: int
    scale: tuple[tuple[float, ...], tuple[float, ...]]
    weights: Any


def _small() -> nn.Module:
    network: nn.Module = models.resnet18()
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def _inception() -> nn.Module:
    return models.inception_v3(aux_logits=False, init_weights=False)


CLASSIFIERS: dict[ClassifierName, ClassifierArchitecture] = {
    "resnet18": ClassifierArchitecture(
        "ResNet-18", models.resnet18, 128, 33, _IMAGENET, models.ResNet18_Weights.IMAGENET1K_V1
    ),
    # Its first layers keep the size: for images of about 32 pixels, such as digits.
    "resnet18_small": ClassifierArchitecture(
        "ResNet-18 for small images", _small, 32, 9, _IMAGENET, None
    ),
    "inception_v3": ClassifierArchitecture(
        "Inception-v3", _inception, 299, 75, _HALF, models.Inception_V3_Weights.IMAGENET1K_V1
    ),
}
"""The networks that can be trained, by name."""


class ClassifierNetwork(nn.Module):
    """A network in two parts: the body, which computes features, and the last layer.

    Args:
        name: Name of its architecture.
        size: Height and width that images are fitted to.
        classes: Number of classes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: ClassifierName, size: int, classes: int) -> None:
        super().__init__()
        self.size = size
        self.body = CLASSIFIERS[name].build()
        last = self.body.fc
        assert isinstance(last, nn.Linear)
        self.dim = last.in_features
        self.body.fc = nn.Identity()
        self.head = nn.Linear(self.dim, classes)
        for buffer, values in zip(("mean", "std"), CLASSIFIERS[name].scale, strict=True):
            x = torch.tensor(values)[:, None, None] * 255
            self.register_buffer(buffer, x, persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, D) and logits (N, classes) of float images with values 0 to 255."""
        features = self.body((center_square(x, self.size) - self.mean) / self.std)
        return features, self.head(features)


@dataclass(frozen=True)
class Classifier:
    """A trained classifier in use.

    Attributes:
        classes: Names of the classes.
        size: Height and width that images are fitted to.
        features: Its network with the features before the last layer, for distances between sets
            of images.
    """

    classes: tuple[str, ...]
    size: int
    features: FeatureExtractor

    @property
    def name(self) -> str:
        """Description for a reader."""
        return self.features.name

    @property
    def library(self) -> str:
        """The package that its network comes from, with its version."""
        return self.features.library

    @property
    def warning(self) -> str:
        """Why its classes may mean nothing; empty if they do."""
        return self.features.warning

    def probabilities(self, images: Tensor) -> Tensor:
        """Return probabilities (N, classes) on the CPU for images (N, 3, H, W) of uint8.

        Images are resized and center-cropped to the size that the network sees.

        Raises:
            ValueError: They are not uint8 RGB images.
        """
        batches = torch.split(images, _BATCH_SIZE)
        return torch.cat([self.features(batch).logits.softmax(1) for batch in batches]).cpu()


def freeze_classifier(
    network: ClassifierNetwork, name: ClassifierName, classes: Sequence[str], held_out: str = "",
    digest: str = "", chance: float = 0.0,
) -> Classifier:  # fmt: skip
    """Put a trained network to use, on its device.

    Args:
        network: The network; it is frozen.
        name: Name of its architecture.
        classes: Names of the classes.
        held_out: Its performance on held-out images, for a reader.
        digest: Distinguishes it from other networks.
        chance: Share of the held-out images in the largest class.
    """
    network = network.eval().requires_grad_(False)
    seen = f" ({held_out})" if held_out else ""
    title = f"a {CLASSIFIERS[name].title} trained on {len(classes)} classes{seen}"
    features = FeatureExtractor(
        network, network.dim, network.mean.device, title, library("torchvision"),
        f"classifier {digest}", comparable=False,
        warning=_no_better_than_chance(held_out, max(chance, 1 / len(classes))),
    )  # fmt: skip
    return Classifier(tuple(classes), network.size, features)


def _no_better_than_chance(held_out: str, chance: float) -> str:
    """Return a warning if a classifier's share of correct classes is no better than chance."""
    found = re.match(r"([\d.]+) % of (\d+) held-out", held_out)
    if not found:
        return ""
    share, count = float(found[1]) / 100, int(found[2])
    if wilson_interval(share, count)[0] > chance:
        return ""
    return (
        f"the classifier is not clearly better than chance: {held_out}, and {chance:.2%} by always "
        "choosing one class; its figures mean nothing"
    )


def save_classifier(
    path: Path,
    name: ClassifierName,
    network: ClassifierNetwork,
    classes: Sequence[str],
    facts: Mapping[str, Any],
) -> None:
    """Write a classifier to a file, atomically.

    Args:
        path: The ``.safetensors`` file.
        name: Name of its architecture.
        network: The network.
        classes: Names of the classes.
        facts: Further facts to keep, as plain data; ``held_out`` becomes part of its name, and
            ``chance`` is the share of the held-out images in the largest class.

    Raises:
        OSError: The file can't be written.
    """
    own = {"network": name, "size": network.size, "classes": list(classes)}
    write_network(path, _KIND, network, {**own, **facts})


def load_classifier(path: Path, device: torch.device) -> Classifier:
    """Read the file of a classifier.

    Args:
        path: What :func:`save_classifier` wrote.
        device: Where to compute.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is of another kind, damaged, or of another version.
    """
    facts, network, digest = read_network(path, _KIND, _build)
    assert isinstance(network, ClassifierNetwork)
    classes = [str(label) for label in facts["classes"]]
    held_out, chance = str(facts.get("held_out", "")), float(facts.get("chance", 0))
    name: ClassifierName = facts["network"]
    return freeze_classifier(network.to(device), name, classes, held_out, digest, chance)


def _build(facts: Mapping[str, Any]) -> ClassifierNetwork:
    """Build a network from the facts of its file.

    Raises:
        KeyError, TypeError, ValueError: They are incomplete or wrong.
    """
    (name,) = (name for name in CLASSIFIERS if name == facts["network"])
    size, chance = int(facts["size"]), float(facts.get("chance", 0))
    if not CLASSIFIERS[name].min_size <= size <= LARGEST_SIZE or not 0 <= chance <= 1:
        raise ValueError(f"size {shown(size)}, chance {shown(chance)}")
    if not isinstance(facts["classes"], list) or not facts["classes"]:
        raise ValueError(f"classes {shown(facts['classes'])}")
    return ClassifierNetwork(name, size, len(facts["classes"]))
