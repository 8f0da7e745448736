"""FCN scores: does a segmenter of real photos recognise the classes of a label map in the outputs?

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, section
4.1; the three scores are those of Long et al., "Fully Convolutional Networks for Semantic
Segmentation", 2015, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.base import Metric, Setup
from crossimage.evaluation.networks.palette import LOSSY, VOID
from crossimage.evaluation.networks.segmenter import Segmenter
from crossimage.evaluation.report.figures import HIGHER, Figure, library
from crossimage.utils.devices import exact

_CHANCE = 1.1  # a per-class accuracy this many times that of a single class is above chance
_SCORES = ("pixel", "class", "iou")


class FCNScore(Metric):
    """FCN scores of the outputs and, as the ceiling, of the real photos."""

    name = "fcn"
    directions = dict.fromkeys(
        [f"{prefix}_{score}" for prefix in ("fcn", "fcn_real") for score in _SCORES], HIGHER
    )
    network = "segmenter"
    needs_pairs = True
    needs_real_images = True
    figures_of_real_images = frozenset(f"fcn_real_{score}" for score in _SCORES)

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        segmenter = setup.networks.segmenter
        self._gallery = setup.gallery
        self._outputs = ConfusionScores(segmenter, "fcn", "the outputs")
        self._real = ConfusionScores(
            segmenter, "fcn_real", "the real photos, which are the ceiling,"
        )

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.refusal`."""
        if not setup.gallery.has_label_maps:
            return "it needs the label maps, which a folder of results does not contain"
        return super().refusal(setup)

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""
        assert item.target is not None
        labels = self._gallery.label_map(item.path)
        self._outputs.update(item.outputs, labels, item.path)
        self._real.update(item.target[None], labels, item.path)

    def figures(self) -> list[Figure]:
        """Return the scores of the outputs and of the real photos."""
        figures, ceiling = self._outputs.figures(), self._real.figures()
        accuracy = next(figure for figure in ceiling if figure.name == "fcn_real_class")
        classes = int((self._real.confusion.sum(1) > 0).sum())
        if classes < 2 or accuracy.value > _CHANCE / classes:
            return [*figures, *ceiling]
        warning = (
            f"the segmenter is no better than chance: its per-class accuracy on the real photos is "
            f"{accuracy.value:.3f}, and {1 / classes:.3f} if one class is predicted everywhere; "
            "its scores mean nothing"
        )
        return [replace(figure, warnings=(warning,)) for figure in (*figures, *ceiling)]


class ConfusionScores:
    """FCN scores of images, accumulated one label map at a time in bounded memory.

    Args:
        segmenter: Predicts the class of every pixel.
        prefix: First part of the figures' names.
        kind: Description of the images, for a reader.

    Attributes:
        confusion: Number of pixels by true class (rows) and predicted class (columns).
    """

    def __init__(self, segmenter: Segmenter, prefix: str = "fcn", kind: str = "images") -> None:
        self._segmenter, self._prefix, self._kind = segmenter, prefix, kind
        classes = len(segmenter.palette.names)
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64)
        self._count = self._lossy = 0

    def update(self, images: Tensor, labels: Tensor, path: Path) -> None:
        """Add images that one label map describes.

        Args:
            images: The images (N, 3, H, W) of uint8.
            labels: The label map (1 or 3, h, w) of uint8; resized to the images by nearest
                neighbour.
            path: The label map's file.

        Raises:
            ValueError: The label map has a colour that the segmenter's classes lack.
        """
        truth = self._segmenter.palette.classes_of(resize_labels(labels, images), path)
        self._lossy += path.suffix.lower() in LOSSY
        self.add(self._segmenter(images), truth)

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Add predicted classes (N, H, W) and the true ones (H, W)."""
        self.confusion += multiclass_confusion_matrix(
            predicted, truth.long().expand_as(predicted), len(self.confusion), ignore_index=VOID,
            validate_args=False,
        )  # fmt: skip
        self._count += len(predicted)

    def figures(self) -> list[Figure]:
        """Return per-pixel accuracy, per-class accuracy and mean class IoU, each from 0 to 1.

        Raises:
            ValueError: No pixel has a class.
        """
        right = exact(self.confusion.diag())
        truth, predicted = self.confusion.sum(1), self.confusion.sum(0)
        present = truth > 0
        if not present.any():
            raise ValueError("FCN scores need label maps with classes; found none, or only void")
        accuracy, iou = (right / truth)[present], (right / (truth + predicted - right))[present]
        known = dict(zip(self._segmenter.palette.names, present.tolist(), strict=True))
        seen = [name for name in known if known[name]]
        missing = ", ".join(name for name in known if not known[name])
        each = [f"{name} {one:.3f}" for name, one in zip(seen, iou.tolist(), strict=True)]
        return [
            self._figure("pixel", right.sum() / truth.sum(), "share of correct pixels", ""),
            self._figure(
                "class", accuracy.mean(), "share of correct pixels, mean over classes", missing
            ),
            self._figure(
                "iou", iou.mean(), "intersection over union, mean over classes", missing, each
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
            f"{words} of {self._kind} beside their label maps, as {self._segmenter.name} sees "
            "them; void left out"
        )
        packages = f"{library('torchmetrics')}, {self._segmenter.library}"
        return Figure(
            f"{self._prefix}_{name}", float(value), None, self._count, protocol, None, packages,
            comparable=False, note="; ".join(notes),
        )  # fmt: skip


def resize_labels(labels: Tensor, images: Tensor) -> Tensor:
    """Resize a label map (C, h, w) to the size of images (..., H, W) by nearest neighbour."""
    size = list(images.shape[-2:])
    if list(labels.shape[-2:]) == size:
        return labels
    return transforms.resize(labels, size, InterpolationMode.NEAREST_EXACT)
