"""Measures of single answers that a fitted network judges: a classifier or a segmenter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import Row
from crossimage.evaluation.metrics.base import Gathering, Measure
from crossimage.evaluation.networks.open import Classifier, Scores
from crossimage.evaluation.report.figures import Figure, share_of
from crossimage.utils.names import look_up

_TOGETHER = 64  # pictures that pass through a classifier at a time


class Classified(Gathering):
    """What a classifier of real images says of the answers.

    The accuracy tells whether the input's class is kept (DTN, section 5.1; UNIT, section 5), the
    error whether the class is missed that was asked for (StarGAN, section 5.4).

    Args:
        names: Which of ``accuracy`` and ``error``.
        classifier: The classifier.
        target: What is asked for, for the error; see :func:`asked_class`.
    """

    def __init__(self, names: Collection[str], classifier: Classifier, target: str) -> None:
        super().__init__(_TOGETHER)
        self._classifier = classifier
        self._values: dict[str, list[float]] = {}
        self._target = -1
        if "accuracy" in names:
            self._values["accuracy"] = []
        if "error" in names:
            number = asked_class(target, classifier)
            assert number is not None
            self._values["error"], self._target = [], number

    def see(self, rows: Sequence[Row], answers: Tensor) -> None:
        """Look at inputs with their answers; see :meth:`Gathering.see`."""
        guesses = self._classifier.probabilities(answers).argmax(1)
        parts = torch.split(guesses, [len(row.answers) for row in rows])
        for row, found in zip(rows, parts, strict=True):
            if "accuracy" in self._values:
                right = found.eq(input_class(row.path, self._classifier))
                self._values["accuracy"].append(float(right.double().mean()))
            if "error" in self._values:
                wrong = found.ne(self._target)
                self._values["error"].append(float(wrong.double().mean()))

    def figures(self) -> list[Figure]:
        """What came out."""
        self.flush()
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
                Figure(
                    name, value, interval, len(values), protocol, None, self._classifier.library,
                    comparable=False,
                )
            )  # fmt: skip
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
    return look_up(name, classifier.classes)


def asked_class(target: str, classifier: Classifier) -> int | None:
    """Number of the class that stands for a target; None: there is none.

    That is the class of the same name, such as ``shoes``, ``Male`` or ``not Male``. Of two classes
    one of which is the opposite, it is the other: of ``Male`` and ``Female`` the second is
    ``not Male``.
    """
    number = class_of(target, classifier)
    if number is None and len(classifier.classes) == 2:
        words = target.removeprefix("not ")
        opposite = class_of(words if words != target else f"not {target}", classifier)
        number = None if opposite is None else 1 - opposite
    return number


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
