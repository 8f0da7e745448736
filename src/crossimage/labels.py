"""Label vectors: which domains an image belongs to, in one data set or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from crossimage.config import Config, Facts, Groups, Names, PositiveInt, settings
from crossimage.utils.names import did_you_mean, look_up

To = str | Mapping[str, object] | Tensor
"""What a user asks for: a name, values by name, or label vectors."""


@dataclass(frozen=True)
class LabelSet:
    """The labels of one data set.

    Attributes:
        names: Names of the labels, in the order of the vector.
        categorical: Whether an image has exactly one of them, as with classes; else each is an
            attribute that an image has or has not.
    """

    names: tuple[str, ...]
    categorical: bool


class Labels:
    """The parts of a label vector: the labels of every data set, then the mask.

    The mask tells, where there are several data sets, whose labels are known: a one in its place;
    the labels of the others are zeros (StarGAN, section 3.2).

    Args:
        sets: The data sets' labels.
        exclusive: Groups of attributes of which an image has at most one, such as hair colours.

    Attributes:
        size: Length of a vector.
        names: Names of all labels in order.
        slices: Where the labels of every data set stand.

    Raises:
        ValueError: A name stands twice, or a group names an unknown label.
    """

    def __init__(self, sets: Sequence[LabelSet], exclusive: Sequence[Sequence[str]] = ()) -> None:
        self.sets = tuple(sets)
        self.names = tuple(name for labels in sets for name in labels.names)
        for name in self.names:
            if self.names.count(name) > 1:
                raise ValueError(
                    f"the label '{name}' stands in two data sets; rename the column or "
                    "folder of one of them"
                )
        self.slices, first = [], 0
        for labels in sets:
            self.slices.append(slice(first, first := first + len(labels.names)))
        self.size = first + (len(sets) if len(sets) > 1 else 0)
        self.groups = [
            self.names[s] for s, of in zip(self.slices, sets, strict=True) if of.categorical
        ]
        self.groups += [
            tuple(self.names[self.place(name)] for name in group) for group in exclusive
        ]

    def place(self, name: str) -> int:
        """Place of a label, whose name may differ in upper and lower case.

        Raises:
            ValueError: There is no such label; the nearest name is given.
        """
        return place_of(name, self.names)

    def of(self, number: int, values: Sequence[float]) -> list[float]:
        """The full vector of an image of data set ``number`` with these labels."""
        vector = [0.0] * self.size
        vector[self.slices[number]] = [float(value) for value in values]
        if len(self.sets) > 1:
            vector[len(self.names) + number] = 1.0
        return vector

    def vectors(self, to: To, count: int) -> Tensor:
        """Label vectors (count, size) as a user asks for them.

        Args:
            to: A label's name, alone 1; values 0 or 1 by name, the others 0; or a tensor (size,),
                (1, size) or (count, size).
            count: How many vectors are needed.

        Raises:
            ValueError: An unknown name, other values, labels that exclude each other or stand in
                different data sets, or a tensor of another shape.
        """
        if isinstance(to, Tensor):
            given = to[None] if to.ndim == 1 else to
            if given.ndim != 2 or given.shape[1] != self.size or len(given) not in {1, count}:
                mask = f" and the mask of {len(self.sets)} data sets" if len(self.sets) > 1 else ""
                raise ValueError(
                    f"expected label vectors (1 or {count}, {self.size}) of {', '.join(self.names)}"
                    f"{mask}, found {tuple(to.shape)}"
                )
            if not given.isfinite().all():
                raise ValueError("label vectors must be finite numbers")
            return given.float().expand(count, self.size)
        if not isinstance(to, str | Mapping) or not all(isinstance(name, str) for name in to):
            raise ValueError(
                f"expected a label's name, values by name or label vectors (a tensor), found {to!r}"
            )
        values = {to: 1} if isinstance(to, str) else dict(to)
        chosen = {self.place(name): _binary(name, value) for name, value in values.items()}
        if not chosen:
            raise ValueError(f"no label is given, expected some of {', '.join(self.names)}")
        numbers = {n for n, s in enumerate(self.slices) for p in chosen if s.start <= p < s.stop}
        if len(numbers) > 1:
            raise ValueError(
                f"{', '.join(values)} are of different data sets; give labels of one at a time"
            )
        for group in self.groups:
            both = [name for name in group if chosen.get(self.names.index(name))]
            if len(both) > 1:
                raise ValueError(f"{' and '.join(both)} exclude each other; give one of them")
        number = numbers.pop()
        if self.sets[number].categorical and 1.0 not in chosen.values():
            one_of = ", ".join(self.sets[number].names)
            raise ValueError(f"an image is one of {one_of}; set one of them to 1")
        span = self.slices[number]
        row = self.of(number, [chosen.get(p, 0.0) for p in range(span.start, span.stop)])
        return torch.tensor([row]).expand(count, self.size)

    def switched(self, vectors: Tensor) -> list[tuple[str, Tensor]]:
        """For every label of every data set, the vectors with that label changed.

        One of a group that exclude each other is set and the others cleared; any other attribute
        is turned into its opposite. Where a label belongs to another data set than the vector, it
        alone is set.

        Args:
            vectors: Labels (N, size) of images.

        Returns:
            Names and vectors (N, size).
        """
        found = []
        for number, span in enumerate(self.slices):
            own = torch.zeros_like(vectors)
            own[:, span] = vectors[:, span]
            if len(self.sets) > 1:
                own[:, len(self.names) + number] = 1
            for place in range(span.start, span.stop):
                new, name = own.clone(), self.names[place]
                groups = [group for group in self.groups if name in group]
                for other in {other for group in groups for other in group}:
                    new[:, self.names.index(other)] = 0
                new[:, place] = 1 if groups else 1 - own[:, place]
                found.append((name, new))
        return found


@settings
class LabelledConfig(Config):
    """Configuration of a method whose domains are label vectors.

    Attributes:
        domains: Names of the labels, in the order of the label vector; taken from the data.
        attributes: The labels to learn: attributes of a table, or class folders. Empty: all there
            are.
        exclusive: Groups of attributes of which an image has at most one, such as hair colours, as
            [[a, b], [c, d]]; a single group also as a,b.
        label_sets: Number of labels in each data set; taken from the data. Empty: there is one
            data set.
        categorical: Whether the labels of each data set are classes, of which an image has exactly
            one; taken from the data. Empty: they are attributes, which it has or has not.
    """

    attributes: Names = ()
    exclusive: Groups = ()
    label_sets: tuple[PositiveInt, ...] = ()
    categorical: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        """Refuse labels that do not add up."""
        super().__post_init__()
        for group in self.exclusive:
            if len(group) < 2:
                raise ValueError(
                    f"exclusive names groups of at least two labels, as [[a, b], [c, d]], found a "
                    f"group of {len(group)}: {', '.join(group)}"
                )
        sizes = self._sizes
        if sum(sizes) != len(self.names) or len(self.categorical) not in {0, len(sizes)}:
            raise ValueError(
                f"label_sets and categorical come from the data, and those given, "
                f"{self.label_sets} and {self.categorical}, do not fit the {len(self.names)} "
                f"labels {', '.join(self.names)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the labels of all data sets."""
        return self.domains or self.attributes

    @property
    def labels(self) -> Labels:
        """The labels of all data sets, as parts of one vector.

        Raises:
            ValueError: Two data sets share a label, or a group names an unknown one.
        """
        names, sizes = iter(self.names), self._sizes
        kinds = self.categorical or (False,) * len(sizes)
        sets = [
            LabelSet(tuple(islice(names, size)), categorical)
            for size, categorical in zip(sizes, kinds, strict=True)
        ]
        return Labels(sets, self.exclusive)

    @property
    def _sizes(self) -> tuple[int, ...]:
        return self.label_sets or (len(self.names),)

    def fields_from(self, facts: Facts) -> dict[str, Any]:
        """Take the labels from the data.

        Raises:
            ValueError: ``domains`` are given and are not the labels of the data.
        """
        if self.domains not in ((), facts.domains):
            raise ValueError(
                f"domains={','.join(self.domains)} are not the labels of the data "
                f"({', '.join(facts.domains)}); choose among them with attributes"
            )
        return super().fields_from(facts) | {
            "attributes": facts.domains,
            "label_sets": facts.label_sets,
            "categorical": facts.categorical,
        }


def parse_target(text: str) -> To:
    """``Blond_Hair`` or ``Male=1,Young=0`` as what :meth:`Labels.vectors` takes.

    Raises:
        ValueError: A part is no ``name=value``.
    """
    if "=" not in text:
        return text
    values: dict[str, object] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise ValueError(f"'{part}' is not understood: expected name=1 or name=0")
        values[name] = value
    return values


def place_of(name: str, names: Sequence[str]) -> int:
    """Place of a name among others, from which it may differ in upper and lower case.

    Raises:
        ValueError: It is none of them; the nearest is given.
    """
    place = look_up(name, names)
    if place is None:
        hint = did_you_mean(name, names)
        raise ValueError(f"there is no label '{name}', only {', '.join(names)}{hint}")
    return place


def _binary(name: str, value: object) -> float:
    if isinstance(value, str) and value in {"0", "1"}:
        value = int(value)
    if isinstance(value, Real) and value in (0, 1):
        return float(value)
    raise ValueError(f"the value of {name} must be 1 or 0, found {value!r}")
