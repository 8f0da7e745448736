"""Metrics of the classes that a classifier of real images sees in the outputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.base import BatchedAccumulator, Metric, Setup
from crossimage.evaluation.networks.open import ClassPredictor
from crossimage.evaluation.report.figures import HIGHER, LOWER, Figure, share_of
from crossimage.utils.names import look_up

_BATCH_SIZE = 64


class Predictions(BatchedAccumulator):
    """The predicted class of every output.

    Attributes:
        classes: The input's file, and the class index of each of its outputs.
    """

    def __init__(self, setup: Setup) -> None:
        super().__init__(_BATCH_SIZE)
        self._classifier = setup.networks.classifier
        self.classes: list[tuple[Path, list[int]]] = []

    def update_batch(self, items: Sequence[GalleryItem], outputs: Tensor) -> None:
        """Add inputs with their outputs; see :meth:`BatchedAccumulator.update_batch`."""
        classes = self._classifier.probabilities(outputs).argmax(1)
        parts = torch.split(classes, [len(item.outputs) for item in items])
        for item, part in zip(items, parts, strict=True):
            self.classes.append((item.path, part.tolist()))


class _ClassificationMetric(Metric):
    """A share of the outputs, mean over inputs."""

    network = "classifier"
    share: ClassVar[str]

    def __init__(self, setup: Setup) -> None:
        self.accumulator = self._predictions = setup.shared(Predictions)
        self._classifier = setup.networks.classifier

    @abstractmethod
    def counts(self, path: Path, predicted: int) -> bool:
        """Return whether an output that belongs to an input's file counts towards the share."""

    def figures(self) -> list[Figure]:
        """Return the share; see :meth:`Metric.figures`."""
        self._predictions.flush()
        values = [
            sum(self.counts(path, k) for k in predicted) / len(predicted)
            for path, predicted in self._predictions.classes
        ]
        value, interval = share_of(values)
        protocol = (
            f"{self.share}, as {self._classifier.name} sees them; mean over inputs, with the "
            "Wilson interval"
        )
        return [
            Figure(
                self.name, value, interval, len(values), protocol, None, self._classifier.library,
                comparable=False,
                warnings=(self._classifier.warning,) if self._classifier.warning else (),
            )
        ]  # fmt: skip


class Accuracy(_ClassificationMetric):
    """Share of the outputs that keep the class of their input (DTN, section 5.1; UNIT, 5)."""

    name = "accuracy"
    directions = {"accuracy": HIGHER}
    share = "share of the outputs that have the class of their input"

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.refusal`."""
        if reason := super().refusal(setup):
            return reason
        if not setup.gallery.keeps_class:
            return "the input's class is what the model changes; the metric error evaluates that"
        classifier = setup.networks.classifier
        folders = sorted({path.parent for path in setup.gallery.paths})
        unknown = [f for f in folders if class_index(f.name, classifier) is None]
        if unknown:
            return (
                f"the inputs are not in folders of the classifier's classes, such as {unknown[0]}"
            )
        return None

    def counts(self, path: Path, predicted: int) -> bool:
        """Return whether an output has its input's class."""
        return predicted == input_class(path, self._classifier)


class Error(_ClassificationMetric):
    """Share of the outputs that miss the requested class (StarGAN, section 5.4)."""

    name = "error"
    directions = {"error": LOWER}
    share = "share of the outputs whose class is not the requested one"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._target = target_class(setup.gallery.target, self._classifier)
        assert self._target is not None

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.refusal`."""
        if reason := super().refusal(setup):
            return reason
        target, classifier = setup.gallery.target, setup.networks.classifier
        if target_class(target, classifier) is not None:
            return None
        named = f", '{target}'" if target else ""
        return (
            f"the classifier has no class of the target domain's name{named}; it knows "
            f"{', '.join(classifier.classes[:20])}"
        )

    def counts(self, path: Path, predicted: int) -> bool:
        """Return whether an output misses the class."""
        return predicted != self._target


def class_index(name: str, classifier: ClassPredictor) -> int | None:
    """Return the index of a class, ignoring case; None if it is unknown."""
    return look_up(name, classifier.classes)


def target_class(target: str, classifier: ClassPredictor) -> int | None:
    """Return the index of the class that stands for a target; None if there is none.

    It is the class of the same name, such as ``shoes``, ``Male`` or ``not Male``. If there are two
    classes and one is the opposite of the target, it is the other one: of ``Male`` and ``Female``,
    the second stands for ``not Male``.
    """
    index = class_index(target, classifier)
    if index is None and len(classifier.classes) == 2:
        name = target.removeprefix("not ")
        opposite = class_index(name if name != target else f"not {target}", classifier)
        index = None if opposite is None else 1 - opposite
    return index


def input_class(path: Path, classifier: ClassPredictor) -> int:
    """Return the index of the class that an image's folder is named after.

    Raises:
        ValueError: The classifier has no such class.
    """
    index = class_index(path.parent.name, classifier)
    if index is None:
        raise ValueError(
            f"{path} is not in a folder of one of the classifier's classes; expected one of "
            f"{', '.join(classifier.classes[:20])}"
        )
    return index
