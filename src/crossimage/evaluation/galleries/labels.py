"""The gallery of a model with labels: test images translated to other labels than their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from crossimage.data.samples.labelled import LabelledImages
from crossimage.data.sources.class_sets import find_class_set
from crossimage.data.sources.labelled import LabelledDomain, find_labelled
from crossimage.evaluation.galleries.checks import KnownImages, Tested, data_name, held_out_of
from crossimage.evaluation.galleries.images import ImageStream, as_uint8, to_rgb
from crossimage.evaluation.galleries.model import (
    ModelGallery,
    PreparedInput,
    preparation,
)
from crossimage.inference.predictor import Predictor
from crossimage.labels import LabelledConfig, Labels, ReferencesConfig, parse_target


@dataclass(frozen=True)
class Change:
    """The labels that images are translated to.

    Attributes:
        labels: The labels of the model.
        values: New values, 1 or 0, by index.
        cleared: Indices of the labels that the new ones exclude.
    """

    labels: Labels
    values: dict[int, float]
    cleared: frozenset[int]

    @property
    def name(self) -> str:
        """Description, such as ``Male, not Young``."""
        names = self.labels.names
        return ", ".join(names[k] if on else f"not {names[k]}" for k, on in self.values.items())

    @property
    def data_set(self) -> int:
        """Index of the data set that has these labels."""
        index = min(self.values)
        return next(n for n, s in enumerate(self.labels.slices) if s.start <= index < s.stop)

    def holds(self, vector: Sequence[float]) -> bool:
        """Return whether an image with these labels already has the new ones."""
        return all(vector[index] == value for index, value in self.values.items())

    def apply(self, vector: Sequence[float]) -> Tensor:
        """Return the labels (L,) of an image after the change; the others are kept."""
        kept = [0.0 if index in self.cleared else value for index, value in enumerate(vector)]
        return torch.tensor([self.values.get(index, value) for index, value in enumerate(kept)])


def find_change(labels: Labels, to: str) -> Change:
    """Parse the labels to translate to: ``Male``, ``Male=0`` or ``Male=1,Young=0``.

    Raises:
        ValueError: There are no such labels, or they exclude each other or are of different data
            sets, or a value is between 0 and 1, which no real image has.
    """
    wanted = parse_target(to, labels.names)
    vector = labels.vectors(wanted, 1)[0]
    names = [wanted] if isinstance(wanted, str) else dict(wanted)
    values = {index: float(vector[index]) for index in map(labels.index, names)}
    for index, value in values.items():
        if value not in (0, 1):
            raise ValueError(
                f"the value of {labels.names[index]} must be 1 or 0 to evaluate a model, whose "
                f"results are compared with real images, found {value:g}"
            )
    set_ones = {labels.names[index] for index, value in values.items() if value}
    cleared = {
        labels.index(name) for group in labels.groups if set_ones & {*group} for name in group
    }
    return Change(labels, values, frozenset(cleared))


class LabelGallery(ModelGallery):
    """A model's outputs for the test images that do not have the labels to translate to.

    An image keeps its other labels, except those that the new ones exclude, as classes do. The real
    images are the test images that have the labels. All are of the data set that has these labels.

    Args:
        title: Title of the gallery.
        model: The trained model.
        data: The data sets that it was trained on, as for training.
        to: A label, or values such as ``Male=1,Young=0``.
        seed: Seed of random styles and noise.

    Raises:
        FileNotFoundError: A folder, a table or a file of the data is missing.
        ValueError: ``to`` is missing or does not name labels of the model, the data has other
            labels, or all or none of the test images have those labels.
    """

    def __init__(
        self, title: str, model: Predictor, data: Tested, to: str | None, seed: int
    ) -> None:
        labels = model.networks.labels
        assert labels is not None
        if to is None:
            raise ValueError(
                f"--to is missing: {title} has labels; give one of {', '.join(labels.names)}, or, "
                "of attributes, values such as Male=1,Young=0"
            )
        change = find_change(labels, to)
        self._data_set = change.data_set
        self._images = open_images(title, model, data, labels)
        domain = self._images.domains[self._data_set]
        files = domain.test or domain.train
        values = domain.test_values if domain.test else domain.values
        vectors = [labels.vector_of(self._data_set, own) for own in values]
        labelled = list(zip(files, vectors, strict=True))
        real = [path for path, vector in labelled if change.holds(vector)]
        others = [(path, vector) for path, vector in labelled if not change.holds(vector)]
        if not (real and others):
            raise ValueError(
                f"{'all' if real else 'none'} of the {len(labelled)} test images of {domain.name} "
                f"are {change.name}; expected some that are, to compare with, and some that are "
                "not, to translate"
            )
        self._goals = [change.apply(vector) for _, vector in others]
        prepared = preparation(model.config)
        super().__init__(
            model, seed,
            {"data": data_name(data), "direction": f"to {change.name}", "preparation": prepared},
            title=title,
            real=ImageStream(real, self._read_real, prepared),
            paths=[path for path, _ in others],
            target=change.name,
            keeps_class=not domain.label_set.categorical,
        )  # fmt: skip
        self.domains = self._images.domains
        self.untested = () if domain.test else (domain.name,)

    def load(self, index: int) -> PreparedInput:
        """Load and prepare an input; see :meth:`ModelGallery.load`."""
        path = self.paths[index]
        x = self.model.fit_size(self._images.centred(self._data_set, path)[None])[0]
        return PreparedInput(path, x, self._goals[index])

    def input_name(self, path: Path) -> str:
        """Return an input's name; see :meth:`ModelGallery.input_name`."""
        return self._images.domains[self._data_set].name_below(path, in_class=True)

    def pair_up(self) -> None:
        """Raise an error: no image has a partner with other labels; see :meth:`Gallery.pair_up`."""
        raise ValueError(
            f"{self.title} changes labels, and no image has a partner with other labels; leave out "
            "the metrics that compare pairs"
        )

    def _read_real(self, path: Path) -> Tensor:
        return to_rgb(as_uint8(self._images.centred(self._data_set, path)))


def open_images(title: str, model: Predictor, data: Tested, labels: Labels) -> LabelledImages:
    """Open the data sets that a model was trained on, prepared as in training.

    Raises:
        FileNotFoundError: A folder, a table or a file of the data is missing.
        ValueError: They have other labels than the model.
    """
    expected = (
        f"expected the data sets that {title} was trained on, in their order, with its labels "
    )
    expected += ", ".join(labels.names)
    assert isinstance(model.config, LabelledConfig)
    rules, values = model.config.data_rules, model.config.values
    if isinstance(data, KnownImages):
        known = [domain for domain in data.domains if isinstance(domain, LabelledDomain)]
        return LabelledImages(known, model.config)
    domains: tuple[LabelledDomain, ...]
    try:
        if model.networks.layout == "classes":
            config = model.config
            unseen = isinstance(config, ReferencesConfig) and config.unseen_classes
            domains = (find_class_set(data, labels.names, rules, values, unseen=unseen),)
        else:
            domains = find_labelled(data, labels.names, rules, values)
    except ValueError as error:
        raise ValueError(f"{error}; {expected}") from None
    if [domain.label_set for domain in domains] != list(labels.sets):
        names = ", ".join(name for domain in domains for name in domain.label_set.names)
        raise ValueError(f"{data_name(data)} has the labels {names}; {expected}")
    return LabelledImages(held_out_of(domains, model), model.config)
