"""Metrics of few-shot translation: is an output of its target class, and is its content kept?

Liu et al., "Few-Shot Unsupervised Image-to-Image Translation", 2019, section 5. The mean of the
FIDs of all target classes (mFID) is the metric ``fid`` of a few-shot model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.base import BatchedAccumulator, GalleryKind, Metric, Setup
from crossimage.evaluation.metrics.classification import class_index
from crossimage.evaluation.metrics.diversity import ClassScores
from crossimage.evaluation.networks.open import ClassPredictor, NetworkName
from crossimage.evaluation.networks.vgg import ContentDistance
from crossimage.evaluation.report.figures import HIGHER, LOWER, Figure, mean_of, share_of
from crossimage.evaluation.report.strips import Block, Extremes, strip
from crossimage.utils.devices import exact

_BATCH_SIZE = 64
_TOP = 5


class _Ranks(BatchedAccumulator):
    """The rank of the wanted class of every output, and the inception score of all outputs."""

    def __init__(self, classifier: ClassPredictor) -> None:
        super().__init__(_BATCH_SIZE)
        self._classifier = classifier
        self.ranks: list[int] = []
        self.scores = ClassScores()

    def update_batch(self, items: Sequence[GalleryItem], outputs: Tensor) -> None:
        """Add inputs with their outputs; see :meth:`BatchedAccumulator.update_batch`."""
        probabilities = self._classifier.probabilities(outputs)
        self.scores.update(probabilities)
        wanted = [item.wanted for item in items for _ in item.outputs]
        for own, name in zip(probabilities, wanted, strict=True):
            index = class_index(name, self._classifier)
            assert index is not None
            self.ranks.append(int((own > own[index]).sum()))


class TranslationAccuracy(Metric):
    """Share of the outputs whose target class is the first, or among the first five.

    The classifier knows all classes, those of training and those that are unseen. The inception
    score of all outputs is computed from the same classes.
    """

    name = "translation_accuracy"
    directions = dict.fromkeys(
        ("translation_accuracy", "translation_accuracy_top5", "translation_is"), HIGHER
    )
    network: ClassVar[NetworkName | None] = "classifier"
    over_parts = "together"
    _prefix: ClassVar[str] = "translation"

    def __init__(self, setup: Setup) -> None:
        self._classifier = self._classifier_of(setup)
        self.accumulator = self._ranks = _Ranks(self._classifier)

    @classmethod
    def _classifier_of(cls, setup: Setup) -> ClassPredictor:
        return setup.networks.classifier

    @classmethod
    def misfit(cls, kind: GalleryKind) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.misfit`."""
        if kind.few_shot:
            return None
        return "it applies to few-shot models only; for other models, use the metric error"

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.refusal`."""
        if reason := super().refusal(setup):
            return reason
        classifier = cls._classifier_of(setup)
        targets = [part.target for part in setup.gallery.parts]
        unknown = [name for name in targets if class_index(name, classifier) is None]
        if not unknown:
            return None
        more = f" and {len(unknown) - 1} more of the target classes" if len(unknown) > 1 else ""
        return (
            f"the classifier does not know {unknown[0]}{more}; it knows "
            f"{', '.join(classifier.classes[:20])}"
        )

    def figures(self) -> list[Figure]:
        """Return both shares and the inception score; see :meth:`Metric.figures`."""
        self._ranks.flush()
        ranks, classifier, prefix = self._ranks.ranks, self._classifier, self._prefix
        rows = [("accuracy", share_of([float(rank == 0) for rank in ranks]), "the most likely one")]
        if len(classifier.classes) > _TOP:
            shares = share_of([float(rank < _TOP) for rank in ranks])
            rows.append(("accuracy_top5", shares, f"among the {_TOP} most likely ones"))
        figures = [
            Figure(
                f"{prefix}_{name}", *result, len(ranks),
                f"share of the outputs whose target class is {what}, as {classifier.name} sees "
                "them; with the Wilson interval", None, classifier.library, comparable=False,
            )
            for name, result, what in rows
        ]  # fmt: skip
        score = next(f for f in self._ranks.scores.figures() if f.name == "is_classes_exp")
        figures.append(
            Figure(
                f"{prefix}_is", score.value, None, len(ranks),
                f"{score.protocol}, classes as {classifier.name} sees them", None,
                classifier.library, comparable=False,
            )
        )  # fmt: skip
        warnings = (classifier.warning,) if classifier.warning else ()
        return [replace(figure, warnings=warnings) for figure in figures]


class UnseenAccuracy(TranslationAccuracy):
    """The same by a classifier of the unseen classes alone."""

    name = "unseen_accuracy"
    directions = dict.fromkeys(("unseen_accuracy", "unseen_accuracy_top5", "unseen_is"), HIGHER)
    network = "unseen_classifier"
    _prefix = "unseen"

    @classmethod
    def _classifier_of(cls, setup: Setup) -> ClassPredictor:
        return setup.networks.unseen_classifier


class _Distances(BatchedAccumulator):
    """The distance between every input and its outputs, and the inputs of the extreme ones."""

    def __init__(self, distance: ContentDistance) -> None:
        super().__init__(_BATCH_SIZE)
        self._distance = distance
        self.means: list[float] = []
        self.outputs = 0
        self._extremes = Extremes()

    def update_batch(self, items: Sequence[GalleryItem], outputs: Tensor) -> None:
        """Add inputs with their outputs; see :meth:`BatchedAccumulator.update_batch`."""
        inputs = [item.input for item in items for _ in item.outputs if item.input is not None]
        distances = exact(self._distance(torch.stack(inputs), outputs))
        parts = torch.split(distances, [len(item.outputs) for item in items])
        for item, part in zip(items, parts, strict=True):
            value = float(part.mean())
            self.means.append(value)
            self.outputs += len(part)
            caption = f"{item.name}: {value:.4g}"
            self._extremes.add(value, partial(strip, caption, item.input, item.outputs, None))

    def blocks(self) -> list[Block]:
        """Return the inputs whose content is kept most and least."""
        return self._extremes.blocks("Content kept most", "Content kept least")


class ContentKept(Metric):
    """Domain-invariant perceptual distance (DIPD) between inputs and outputs."""

    name = "dipd"
    directions = {"dipd": LOWER}
    network = "content"

    def __init__(self, setup: Setup) -> None:
        self._distance = setup.networks.content
        self.accumulator = self._distances = _Distances(self._distance)

    @classmethod
    def misfit(cls, kind: GalleryKind) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.misfit`."""
        return None if kind.few_shot else "it is published for few-shot models alone"

    def figures(self) -> list[Figure]:
        """Return the mean distance; see :meth:`Metric.figures`."""
        self._distances.flush()
        distance, means = self._distance, self._distances.means
        protocol = (
            f"mean squared difference of {distance.name}, instance-normalised, between input and "
            f"output: mean over {len(means)} inputs"
        )
        return [
            Figure(
                "dipd", *mean_of(means), self._distances.outputs, protocol, None,
                distance.library, distance.comparable,
            )
        ]  # fmt: skip
