"""Measures of single answers that a fitted network judges: a classifier or a segmenter."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import torch
from torch import Tensor

from crossimage.evaluation.figures import Figure, share_of
from crossimage.evaluation.gallery import Row
from crossimage.evaluation.measures import Measure
from crossimage.evaluation.tools import Classifier, Scores

_TOGETHER = 64  # pictures that pass through a classifier at a time


class Classified(Measure):
    """What a classifier of real images says of the answers.

    The accuracy tells whether the input's class is kept (DTN, section 5.1; UNIT, section 5), the
    error whether the class is missed that was asked for (StarGAN, section 5.4).

    Args:
        names: Which of ``accuracy`` and ``error``.
        classifier: The classifier.
        target: Name of the class that is asked for, for the error.
    """

    def __init__(self, names: Collection[str], classifier: Classifier, target: str) -> None:
        self._classifier = classifier
        self._values: dict[str, list[float]] = {}
        self._target = -1
        self._waiting: list[Row] = []
        if "accuracy" in names:
            self._values["accuracy"] = []
        if "error" in names:
            number = class_of(target, classifier)
            assert number is not None
            self._values["error"], self._target = [], number

    def add(self, row: Row) -> None:
        """Take an input with its answers."""
        waiting = self._waiting
        if waiting and waiting[0].answers.shape[2:] != row.answers.shape[2:]:
            self._flush()
        waiting.append(row)
        if sum(len(one.answers) for one in waiting) >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        answers = [row.answers for row in self._waiting]
        guesses = self._classifier.probabilities(torch.cat(answers)).argmax(1)
        parts = torch.split(guesses, [len(own) for own in answers])
        for row, found in zip(self._waiting, parts, strict=True):
            if "accuracy" in self._values:
                right = found.eq(input_class(row.path, self._classifier))
                self._values["accuracy"].append(float(right.double().mean()))
            if "error" in self._values:
                wrong = found.ne(self._target)
                self._values["error"].append(float(wrong.double().mean()))
        self._waiting.clear()

    def figures(self) -> list[Figure]:
        """What came out."""
        self._flush()
        words = {
            "accuracy": "share of the answers that have the class of their input",
            "error": "share of the answers that have another class than the one asked for",
        }
        found = []
        for name, values in self._values.items():
            value, interval = share_of(values)
            protocol = (
                f"{words[name]}, as {self._classifier.name} sees them; mean over inputs, with the "
                "Wilson interval"
            )
            found.append(
                Figure(name, value, interval, len(values), protocol, None, self._classifier.library)
            )
        return found


class Segmented(Measure):
    """FCN scores of the answers and, as the ceiling, of the real photos (pix2pix, section 4.1).

    Args:
        answers: Gathers the scores of the answers.
        real: Gathers those of the targets.
        labels: Gives the label map (C, H, W) of an input, as large as the answers.
    """

    def __init__(self, answers: Scores, real: Scores, labels: Callable[[Path], Tensor]) -> None:
        self._answers, self._real, self._labels = answers, real, labels

    def add(self, row: Row) -> None:
        """Take an input with its answers."""
        assert row.target is not None
        labels = self._labels(row.path)
        self._answers.update(row.answers, labels, row.path)
        self._real.update(row.target[None], labels, row.path)

    def figures(self) -> list[Figure]:
        """What came out."""
        return [*self._answers.figures(), *self._real.figures()]


def class_of(name: str, classifier: Classifier) -> int | None:
    """Number of a class, whose name may differ in upper and lower case; None: there is none."""
    folded = [known.casefold() for known in classifier.classes]
    return folded.index(name.casefold()) if name.casefold() in folded else None


def input_class(path: Path, classifier: Classifier) -> int:
    """Number of the class that an image's folder is named after.

    Raises:
        ValueError: The classifier has no such class.
    """
    number = class_of(path.parent.name, classifier)
    if number is None:
        raise ValueError(
            f"{path} lies in no folder of a class that the classifier has; expected one of "
            f"{', '.join(classifier.classes[:20])}"
        )
    return number
