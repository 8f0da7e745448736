"""The gallery of a model with labels: test images that get other labels than their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from crossimage.data.labelled import LabelledImages
from crossimage.data.sources.labelled import find_labelled
from crossimage.evaluation.galleries.images import Pictures, to_bytes, to_rgb
from crossimage.evaluation.galleries.model import Example, ModelGallery, no_tests, preparation
from crossimage.inference.predictor import Predictor
from crossimage.labels import LabelledConfig, Labels, parse_target


@dataclass(frozen=True)
class Change:
    """Labels that are asked for.

    Attributes:
        labels: What the label vectors are made of.
        values: What is asked for, 1 or 0 by place.
        cleared: Places of the labels that exclude what is asked for.
    """

    labels: Labels
    values: dict[int, float]
    cleared: frozenset[int]

    @property
    def name(self) -> str:
        """Such as ``Male, not Young``."""
        names = self.labels.names
        return ", ".join(names[k] if on else f"not {names[k]}" for k, on in self.values.items())

    @property
    def data_set(self) -> int:
        """Number of the data set that knows the labels."""
        place = min(self.values)
        return next(n for n, s in enumerate(self.labels.slices) if s.start <= place < s.stop)

    def holds(self, vector: Sequence[float]) -> bool:
        """Whether an image with these labels has already what is asked for."""
        return all(vector[place] == value for place, value in self.values.items())

    def of(self, vector: Sequence[float]) -> Tensor:
        """The new labels (L,) of an image with these labels, of which the others stay."""
        kept = [0.0 if place in self.cleared else value for place, value in enumerate(vector)]
        return torch.tensor([self.values.get(place, value) for place, value in enumerate(kept)])


def find_change(labels: Labels, to: str) -> Change:
    """Read which labels are asked for: ``Male``, ``Male=0`` or ``Male=1,Young=0``.

    Raises:
        ValueError: Unknown labels, or such that exclude each other or are of several data sets.
    """
    wanted = parse_target(to)
    vector = labels.vectors(wanted, 1)[0]
    places = [labels.index(name) for name in ([to] if isinstance(wanted, str) else dict(wanted))]
    values = {place: float(vector[place]) for place in places}
    set_ones = {labels.names[place] for place, value in values.items() if value}
    cleared = {
        labels.index(name) for group in labels.groups if set_ones & {*group} for name in group
    }
    return Change(labels, values, frozenset(cleared))


class Relabelled(ModelGallery):
    """A model's answers to the test images that do not have the labels which are asked for.

    An image keeps its other labels, but for those that exclude the new ones, as classes do. The
    real pictures are the test images that have the labels. All are of the data set that knows them.

    Args:
        title: What the gallery is called.
        model: The trained model.
        data: The data sets that it was trained on, as for training.
        to: A label, or values such as ``Male=1,Young=0``.
        seed: Seed of random styles and noise.

    Raises:
        FileNotFoundError: A folder, a table or a file of the data is missing.
        ValueError: ``to`` is missing or no labels of the model, the data has other labels, or all
            or none of the test images have those that are asked for.
    """

    def __init__(self, title: str, model: Predictor, data: str, to: str | None, seed: int) -> None:
        labels = model.networks.labels
        assert labels is not None
        if to is None:
            raise ValueError(
                f"--to is missing: {title} has labels; give one of {', '.join(labels.names)}, or, "
                "of attributes, values such as Male=1,Young=0"
            )
        change = find_change(labels, to)
        self._number = change.data_set
        self._images = _open(title, model, data, labels)
        domain = self._images.domains[self._number]
        tests = zip(domain.test, domain.test_values, strict=True)
        known = list(tests if domain.test else zip(domain.train, domain.values, strict=True))
        vectors = [(path, labels.vector_of(self._number, values)) for path, values in known]
        real = [path for path, own in vectors if change.holds(own)]
        others = [(path, own) for path, own in vectors if not change.holds(own)]
        if not (real and others):
            raise ValueError(
                f"{'all' if real else 'none'} of the {len(known)} test images of {domain.name} are "
                f"{change.name}; expected some that are, to compare with, and some that are not, "
                "to translate"
            )
        self._goals = [change.of(own) for _, own in others]
        prepared = preparation(model.config)
        super().__init__(
            model, seed,
            {"data": data, "direction": f"to {change.name}", "preparation": prepared},
            title=title,
            real=Pictures(real, self._read_real, prepared),
            paths=[path for path, _ in others],
            target=change.name,
            notes=[] if domain.test else no_tests([domain.name]),
            keeps_class=not domain.label_set.categorical,
        )  # fmt: skip

    def load(self, place: int) -> Example:
        """The input in a place, prepared; see :meth:`ModelGallery.load`."""
        path = self.paths[place]
        x = self.model.fit_size(self._images.centred(self._number, path)[None])[0]
        return Example(path, x, self._goals[place])

    def pair_up(self) -> None:
        """Refuse, for no image has a partner with other labels; see :meth:`Gallery.pair_up`."""
        raise ValueError(
            f"{self.title} changes labels, and no image has a partner with other labels; leave out "
            "the metrics that compare pairs"
        )

    def _read_real(self, path: Path) -> Tensor:
        return to_rgb(to_bytes(self._images.centred(self._number, path)))


def _open(title: str, model: Predictor, data: str, labels: Labels) -> LabelledImages:
    """The data sets that a model was trained on, prepared as in training."""
    given = f"expected the data sets that {title} was trained on, in their order, with its labels "
    given += ", ".join(labels.names)
    try:
        domains = find_labelled(data, labels.names)
    except ValueError as error:
        raise ValueError(f"{error}; {given}") from None
    if [domain.label_set for domain in domains] != list(labels.sets):
        found = ", ".join(name for domain in domains for name in domain.label_set.names)
        raise ValueError(f"{data} has the labels {found}; {given}")
    assert isinstance(model.config, LabelledConfig)
    return LabelledImages(domains, model.config)
