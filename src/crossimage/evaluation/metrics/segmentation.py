"""FCN scores: do photos made from label maps look, to a segmenter of real photos, like them?

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, section
4.1; the three scores are those of Long et al., "Fully Convolutional Networks for Semantic
Segmentation", 2015, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from crossimage.evaluation.networks.palette import LOSSY, VOID
from crossimage.evaluation.networks.segmenter import Segmenter
from crossimage.evaluation.report.figures import Figure, library


class FCNScores:
    """FCN scores of pictures, gathered one label map after the other in bounded memory.

    Args:
        segmenter: What tells the classes of the pictures' pixels.
        prefix: What the figures' names begin with.
        what: What the pictures are, in words.

    Attributes:
        confusion: Pixels by their class in the label map (rows) and in the picture (columns).
    """

    def __init__(self, segmenter: Segmenter, prefix: str = "fcn", what: str = "pictures") -> None:
        self._segmenter, self._prefix, self._what = segmenter, prefix, what
        classes = len(segmenter.palette.names)
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64)
        self._count = self._lossy = 0

    def update(self, images: Tensor, labels: Tensor, path: Path) -> None:
        """Add pictures that one label map tells of.

        Args:
            images: The pictures (N, 3, H, W) of uint8.
            labels: The label map (1 or 3, h, w) of uint8; resized to the pictures by taking the
                nearest pixel.
            path: The label map's file.

        Raises:
            ValueError: The label map has a colour that the segmenter's classes lack.
        """
        truth = self._segmenter.palette.classes_of(resized_labels(labels, images), path)
        self._lossy += path.suffix.lower() in LOSSY
        self.add(self._segmenter(images), truth)

    def add(self, found: Tensor, truth: Tensor) -> None:
        """Add classes (N, H, W) that were found where a label map has the classes (H, W)."""
        self.confusion += multiclass_confusion_matrix(
            found, truth.long().expand_as(found), len(self.confusion), ignore_index=VOID,
            validate_args=False,
        )  # fmt: skip
        self._count += len(found)

    def figures(self) -> list[Figure]:
        """Per-pixel accuracy, per-class accuracy and class IoU, each from 0 to 1.

        Raises:
            ValueError: No pixel has a class.
        """
        right = self.confusion.diag().double()
        truth, found = self.confusion.sum(1), self.confusion.sum(0)
        there = truth > 0
        if not there.any():
            raise ValueError("FCN scores need label maps with classes; found none, or only void")
        accuracy, iou = (right / truth)[there], (right / (truth + found - right))[there]
        names = zip(self._segmenter.palette.names, there.tolist(), strict=True)
        known = dict(names)
        seen = [name for name in known if known[name]]
        missing = ", ".join(name for name in known if not known[name])
        each = [f"{name} {one:.3f}" for name, one in zip(seen, iou.tolist(), strict=True)]
        return [
            self._figure("pixel", right.sum() / truth.sum(), "share of right pixels", ""),
            self._figure("class", accuracy.mean(), "mean over classes of right pixels", missing),
            self._figure(
                "iou", iou.mean(), "mean over classes of intersection over union", missing, each
            ),
        ]

    def _figure(
        self, name: str, value: Tensor, words: str, missing: str, each: Sequence[str] = ()
    ) -> Figure:
        notes = [", ".join(each)] if each else []
        if missing:
            notes.append(f"not in the label maps, and left out: {missing}")
        if self._lossy:
            notes.append("colours of lossy label maps are taken as the nearest of the table")
        protocol = (
            f"{words} of {self._what} beside their label maps, as {self._segmenter.name} sees "
            "them; void left out"
        )
        packages = f"{library('torchmetrics')}, {self._segmenter.library}"
        return Figure(
            f"{self._prefix}_{name}", float(value), None, self._count, protocol, None, packages,
            comparable=False, note="; ".join(notes),
        )  # fmt: skip


def resized_labels(labels: Tensor, images: Tensor) -> Tensor:
    """A label map (C, h, w) as large as pictures (..., H, W): the nearest pixel is taken."""
    size = list(images.shape[-2:])
    if list(labels.shape[-2:]) == size:
        return labels
    found: Tensor = transforms.resize(labels, size, InterpolationMode.NEAREST_EXACT)
    return found
