"""Networks that metrics use, opened once for all runs and only when needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from crossimage.evaluation.networks.classifier import load_classifier
from crossimage.evaluation.networks.face import FaceNetwork, open_face
from crossimage.evaluation.networks.inception import (
    FeatureExtractor,
    at_size,
    inception_weights,
    open_inception,
    random_features,
)
from crossimage.evaluation.networks.lpips import open_lpips
from crossimage.evaluation.networks.segmenter import Segmenter, load_segmenter
from crossimage.evaluation.networks.torchvision_inception import (
    WEIGHTS,
    is_torchvision,
    torchvision_inception,
)
from crossimage.evaluation.networks.vgg import ContentDistance, open_content_distance
from crossimage.evaluation.options import Backbone, Resize
from crossimage.utils.paths import expanded

NetworkName = Literal[
    "features", "torchvision_features", "lpips", "classifier", "unseen_classifier", "segmenter",
    "face", "content",
]  # fmt: skip
"""Attributes of :class:`MetricNetworks` that hold networks."""


class Distance(Protocol):
    """LPIPS between images."""

    name: str
    library: str
    comparable: bool

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the distances (N,) of images (N, 3, H, W) of uint8."""


class ClassPredictor(Protocol):
    """A classifier of images."""

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes."""

    @property
    def name(self) -> str:
        """Description for a reader."""

    @property
    def library(self) -> str:
        """Libraries behind it, with versions."""

    @property
    def warning(self) -> str:
        """Why its classes may mean nothing; empty if they do."""

    def probabilities(self, images: Tensor) -> Tensor:
        """Return probabilities (N, classes) for images (N, 3, H, W) of uint8."""


@dataclass
class MetricNetworks:
    """The networks that metrics use.

    Attributes:
        device: Where to compute.
        features_name: ``inception``, a file of its weights, a file of a trained classifier, or
            ``random``.
        lpips_net: ``alex``, ``vgg`` or ``squeeze``.
        lpips_weights: A file of the backbone's weights, or ``random``; None: the published ones,
            from the cache.
        classifier_path: File of a trained classifier.
        segmenter_path: File of a trained segmenter.
        face_path: File of a network of faces.
        face_threshold: Cosine similarity from which on two faces count as the same person.
        resize: How images are resized for Inception-v3.
        size: Height and width that images are resized to before anything else where features are
            computed; None: they are used as they are.
        unseen_classifier_path: File of a classifier that was trained on the unseen classes alone.
        vgg_weights: A file of VGG16's weights, or ``random``; None: the published ones, from the
            cache.
        failures: Why networks could not be opened, by name, as far as :meth:`failure` was asked.
    """

    device: torch.device
    features_name: str = "inception"
    _: KW_ONLY
    lpips_net: Backbone = "alex"
    lpips_weights: str | None = None
    classifier_path: Path | None = None
    segmenter_path: Path | None = None
    face_path: Path | None = None
    face_threshold: float = 0.6
    resize: Resize = "tensorflow"
    size: int | None = None
    unseen_classifier_path: Path | None = None
    vgg_weights: str | None = None
    failures: dict[NetworkName, str | None] = field(default_factory=dict)

    def refusal(self, name: NetworkName | None) -> str | None:
        """Return which option a network lacks, or None if it lacks none."""
        missing = {
            "classifier": self.classifier_path is None,
            "unseen_classifier": self.unseen_classifier_path is None,
            "segmenter": self.segmenter_path is None,
            "face": self.face_path is None,
        }
        if name is None or not missing.get(name):
            return None
        if name == "face":
            return "it needs a network of faces; name VGG-Face or another with --face-network FILE"
        if name == "unseen_classifier":
            return (
                "it needs a classifier of the unseen classes alone; make one with `crossimage "
                "evaluate fit-classifier` and name it with --unseen-classifier FILE"
            )
        return (
            f"it needs a {name}; make one with `crossimage evaluate fit-{name}` and name it with "
            f"--{name} FILE"
        )

    def failure(self, name: NetworkName | None) -> str | None:
        """Open a network, unless it is open, and return why it can't be, or None.

        Its weights may be missing, or a file may hold something else.
        """
        if name is None:
            return None
        if name not in self.failures:
            self.failures[name] = None
            try:
                getattr(self, name)
            except (ImportError, OSError, ValueError) as error:
                self.failures[name] = str(error)
        return self.failures[name]

    @cached_property
    def features(self) -> FeatureExtractor:
        """The network behind FID, KID and the inception score."""
        return self._sized(open_features(self.features_name, self.device, self.resize))

    @cached_property
    def torchvision_features(self) -> FeatureExtractor:
        """The same for protocols whose Inception-v3 is torchvision's, unless another is named."""
        return self._sized(open_features(self.features_name, self.device, self.resize, True))

    def _sized(self, network: FeatureExtractor) -> FeatureExtractor:
        return network if self.size is None else at_size(network, self.size)

    @cached_property
    def lpips(self) -> Distance:
        """The network behind LPIPS."""
        return open_lpips(self.lpips_net, self.lpips_weights, self.device)

    @cached_property
    def classifier(self) -> ClassPredictor:
        """The classifier of the target's classes."""
        assert self.classifier_path
        return load_classifier(self.classifier_path, self.device)

    @cached_property
    def unseen_classifier(self) -> ClassPredictor:
        """The classifier of classes that a few-shot model has not seen."""
        assert self.unseen_classifier_path
        return load_classifier(self.unseen_classifier_path, self.device)

    @cached_property
    def content(self) -> ContentDistance:
        """The distance between the contents of images of different classes."""
        return open_content_distance(self.vgg_weights, self.device)

    @cached_property
    def face(self) -> FaceNetwork:
        """The network that describes whose face an image shows."""
        assert self.face_path
        return open_face(self.face_path, self.device)

    @cached_property
    def segmenter(self) -> Segmenter:
        """The segmenter of photos."""
        assert self.segmenter_path
        return load_segmenter(self.segmenter_path, self.device)


def open_features(
    spec: str, device: torch.device, resize: Resize = "tensorflow", torchvision: bool = False
) -> FeatureExtractor:
    """Open a feature network.

    Args:
        spec: ``inception`` for the Inception-v3 that published figures are made with (converted
            from TensorFlow's of 2015), its weights from torch hub's cache or the network; a file
            of such weights, or of torchvision's Inception-v3; a ``.safetensors`` file of a
            classifier that was trained here, whose last features before the classes are used; or
            ``random`` for a small network of random weights, for trying things out without
            meaningful results.
        device: Where to compute.
        resize: How images are resized for it.
        torchvision: Whether the published figures are made with torchvision's Inception-v3. The
            features of the other one are not comparable then, and vice versa.

    Raises:
        FileNotFoundError: The weights are not in the cache and can't be downloaded, or the
            file does not exist.
        ModuleNotFoundError: torch-fidelity, which holds Inception-v3, is not installed.
        ValueError: The file holds something else, or is a classifier, which resizes images in its
            own way.
    """
    if spec == "random":
        return random_features(device, resize)
    if spec.endswith(".safetensors"):
        if resize != "tensorflow":
            raise ValueError(
                f"{spec} is a classifier, which resizes images as in its training; leave out "
                f"--resize {resize}"
            )
        return load_classifier(expanded(Path(spec)), device).features
    if spec == "inception" and not torchvision:
        return open_inception(None, device, resize)
    weights = inception_weights(WEIGHTS, None if spec == "inception" else expanded(Path(spec)))
    theirs = is_torchvision(weights)
    if not theirs:
        network = open_inception(weights.path, device, resize)
    else:
        network = torchvision_inception(weights, device, resize)
    return replace(network, comparable=network.comparable and theirs == torchvision)
