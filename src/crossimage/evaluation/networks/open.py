"""The networks that measure, opened once for all runs and only when needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from crossimage.evaluation.networks.inception import Features, open_features
from crossimage.evaluation.options import Backbone
from crossimage.evaluation.report.figures import Figure


class Distance(Protocol):
    """LPIPS between pictures (N, 3, H, W) of uint8, (N,)."""

    name: str
    library: str
    comparable: bool

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The distances."""


class Classifier(Protocol):
    """Knows the classes of pictures."""

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes."""

    @property
    def name(self) -> str:
        """What it is, for a reader."""

    @property
    def library(self) -> str:
        """Packages behind it."""

    def probabilities(self, images: Tensor) -> Tensor:
        """Probabilities (N, classes) for pictures (N, 3, H, W) of uint8."""


class Scores(Protocol):
    """FCN scores of pictures, gathered one by one."""

    def update(self, images: Tensor, labels: Tensor, path: Path) -> None:
        """Add pictures (N, 3, H, W) of uint8 that one label map (C, H, W) of uint8 tells of.

        The path is that of the label map's file.
        """

    def figures(self) -> list[Figure]:
        """What came out."""


@dataclass
class Tools:
    """The networks that measure.

    Attributes:
        device: Where they compute.
        features_name: ``inception``, a file of its weights, a fitted classifier, or ``random``.
        lpips_net: ``alex``, ``vgg`` or ``squeeze``.
        lpips_weights: A file of the backbone's weights, or ``random``; None: the published ones,
            from the cache.
        classifier_path: File of a fitted classifier.
        segmenter_path: File of a fitted segmenter.
    """

    device: torch.device
    features_name: str = "inception"
    lpips_net: Backbone = "alex"
    lpips_weights: str | None = None
    classifier_path: Path | None = None
    segmenter_path: Path | None = None

    def open(self, names: Collection[str]) -> None:
        """Open the networks behind some measures, so that a missing file is told at once.

        Raises:
            FileNotFoundError: Weights are missing; the sentence says where they belong.
            ValueError: A file holds something else.
        """
        if {"fid", "kid", "is"} & set(names):
            _ = self.features
        if {"lpips", "lpips_paired"} & set(names):
            _ = self.lpips
        if {"cis", "accuracy", "error"} & set(names):
            _ = self.classifier
        if "fcn" in names:
            _ = self.segmenter

    @cached_property
    def features(self) -> Features:
        """The network behind FID, KID and the inception score."""
        return open_features(self.features_name, self.device)

    @cached_property
    def lpips(self) -> Distance:
        """The network behind LPIPS."""
        from crossimage.evaluation.networks.lpips import open_lpips

        found: Distance = open_lpips(self.lpips_net, self.lpips_weights, self.device)
        return found

    @cached_property
    def classifier(self) -> Classifier:
        """The classifier of the target's classes."""
        from crossimage.evaluation.networks.classifier import load_classifier

        assert self.classifier_path
        return load_classifier(self.classifier_path, self.device)

    @cached_property
    def segmenter(self) -> Any:
        """The network that segments photos."""
        from crossimage.evaluation.networks.segmenter import load_segmenter

        assert self.segmenter_path
        return load_segmenter(self.segmenter_path, self.device)

    def scores(self, prefix: str, what: str) -> Scores:
        """FCN scores to be gathered; the figures' names begin with ``prefix``."""
        from crossimage.evaluation.metrics.segmentation import FCNScores

        found: Scores = FCNScores(self.segmenter, prefix, what)
        return found
