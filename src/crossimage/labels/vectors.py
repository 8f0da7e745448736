"""Label vectors: the domains that an image belongs to, in one data set or several."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from crossimage.labels.names import To, label_index

_ROUNDING = 1e-3  # by which values that should add up to 1 may miss it


@dataclass(frozen=True)
class LabelSet:
    """The labels of one data set.

    Attributes:
        names: Names of the labels, in the order of the vector.
        categorical: Whether an image has exactly one of them, as with classes; otherwise each is
            an attribute that an image has or lacks.
    """

    names: tuple[str, ...]
    categorical: bool


class Labels:
    """The layout of a label vector: the labels of every data set, then a mask.

    With several data sets, the mask is a one-hot code of the data set whose labels are known; the
    labels of the others are zeros (StarGAN, section 3.2). With one, there is no mask.

    Args:
        sets: The labels of each data set.
        exclusive: Groups of mutually exclusive attributes, such as hair colours.
        blends: Whether targets may have values between 0 and 1.

    Attributes:
        size: Length of a vector.
        names: Names of all labels, in order.
        slices: The part of the vector that holds the labels of each data set.
        groups: Names of labels that exclude one another: the classes of a data set, or attributes.

    Raises:
        ValueError: Two labels share a name, or a group names an unknown label.
    """

    def __init__(
        self,
        sets: Sequence[LabelSet],
        exclusive: Sequence[Sequence[str]] = (),
        *,
        blends: bool = False,
    ) -> None:
        self.sets, self.blends = tuple(sets), blends
        self.names = tuple(name for labels in sets for name in labels.names)
        for name, count in Counter(self.names).items():
            if count > 1:
                raise ValueError(
                    f"two data sets have a label '{name}'; rename the column or folder of one of "
                    "them"
                )
        self.slices, first = [], 0
        for labels in sets:
            self.slices.append(slice(first, first := first + len(labels.names)))
        self.size = first + (len(sets) if len(sets) > 1 else 0)
        self.groups = [
            self.names[s] for s, of in zip(self.slices, sets, strict=True) if of.categorical
        ]
        self.groups += [
            tuple(self.names[self.index(name)] for name in group) for group in exclusive
        ]

    def index(self, name: str) -> int:
        """Return the index of a label, ignoring case.

        Raises:
            ValueError: The label is unknown; the nearest one is suggested.
        """
        return label_index(name, self.names)

    def vector_of(self, number: int, values: Sequence[float]) -> list[float]:
        """Return the vector of an image of data set ``number`` whose own labels are ``values``."""
        vector = [0.0] * self.size
        vector[self.slices[number]] = [float(value) for value in values]
        if len(self.sets) > 1:
            vector[len(self.names) + number] = 1.0
        return vector

    def vectors(self, to: To, count: int) -> Tensor:
        """Return label vectors (count, size) of a target.

        Args:
            to: A label's name (it is 1, all others 0); values by name (all others are 0); or a
                tensor (size,), (1, size) or (count, size). Values are 0 or 1; if the labels blend,
                also between, where those of labels that exclude one another add up to at most 1,
                and those of classes to 1.
            count: Number of vectors.

        Raises:
            ValueError: An unknown name, another value, labels that exclude one another or belong to
                different data sets, or a tensor of another shape.
        """
        if isinstance(to, Tensor):
            return self._checked(to, count).expand(count, self.size)
        if not isinstance(to, str | Mapping) or not all(isinstance(name, str) for name in to):
            raise ValueError(
                f"expected a label's name, values by name or label vectors (a tensor), found {to!r}"
            )
        values = {to: 1} if isinstance(to, str) else dict(to)
        chosen = {self.index(name): self._value(name, value) for name, value in values.items()}
        if not chosen:
            raise ValueError(f"found no label, expected some of {', '.join(self.names)}")
        numbers = {n for n, s in enumerate(self.slices) for i in chosen if s.start <= i < s.stop}
        if len(numbers) > 1:
            raise ValueError(
                f"{', '.join(values)} belong to different data sets; give labels of one at a time"
            )
        number = numbers.pop()
        self._check_exclusive(chosen, self.sets[number])
        span = self.slices[number]
        row = self.vector_of(number, [chosen.get(i, 0.0) for i in range(span.start, span.stop)])
        return torch.tensor([row]).expand(count, self.size)

    def _checked(self, vectors: Tensor, count: int) -> Tensor:
        """Return label vectors that a user gives, (1, size) or (count, size)."""
        given = vectors[None] if vectors.ndim == 1 else vectors
        if given.ndim != 2 or given.shape[1] != self.size or len(given) not in {1, count}:
            mask = f" and the mask of {len(self.sets)} data sets" if len(self.sets) > 1 else ""
            raise ValueError(
                f"expected label vectors (1 or {count}, {self.size}) of {', '.join(self.names)}"
                f"{mask}, found {tuple(vectors.shape)}"
            )
        given = given.float()
        if not ((given >= 0) & (given <= 1)).all():
            raise ValueError(
                f"label vectors must hold numbers from 0 to 1, found {given.min():g} to "
                f"{given.max():g}"
            )
        if not self.blends and not ((given == 1).sum(1) + (given == 0).sum(1) == self.size).all():
            raise ValueError("label vectors of this method must hold 1 and 0, and nothing between")
        return given

    def _value(self, name: str, value: object) -> float:
        """Return the value of a label as a number."""
        number = math.nan
        if isinstance(value, str | Real):
            with suppress(ValueError):
                number = float(value)
        if 0 <= number <= 1 and (self.blends or number in (0, 1)):
            return number
        expected = "a number from 0 to 1" if self.blends else "1 or 0"
        raise ValueError(f"the value of {name} must be {expected}, found {value!r}")

    def _check_exclusive(self, chosen: Mapping[int, float], labels: LabelSet) -> None:
        """Refuse values of a data set's labels that no image can have together."""
        for group in self.groups:
            exact = labels.categorical and group == labels.names
            of = {name: chosen.get(self.names.index(name), 0.0) for name in group}
            total = sum(of.values())
            if total > 1 + _ROUNDING:
                both = " and ".join(name for name, value in of.items() if value)
                sums = f"whose values add up to {'' if exact else 'at most '}1"
                several = f", or several {sums}, found {total:g}" if self.blends else ""
                raise ValueError(f"{both} are mutually exclusive; give one of them{several}")
            if exact and total < 1 - _ROUNDING:
                several = f", or several to values that add up to 1, found {total:g}"
                raise ValueError(
                    f"an image is one of {', '.join(group)}; set one of them to 1"
                    f"{several if self.blends else ''}"
                )

    def switched(self, vectors: Tensor) -> list[tuple[str, Tensor]]:
        """Return the vectors with each label in turn changed.

        A label of an exclusive group is set and the rest of its group cleared; any other attribute
        is inverted. A label of another data set than the vector's is set alone.

        Args:
            vectors: Label vectors (N, size) of images.

        Returns:
            For every label its name and the changed vectors (N, size).
        """
        results = []
        for number, span in enumerate(self.slices):
            own = torch.zeros_like(vectors)
            own[:, span] = vectors[:, span]
            if len(self.sets) > 1:
                own[:, len(self.names) + number] = 1
            for index in range(span.start, span.stop):
                new, name = own.clone(), self.names[index]
                groups = [group for group in self.groups if name in group]
                for other in {other for group in groups for other in group}:
                    new[:, self.names.index(other)] = 0
                new[:, index] = 1 if groups else 1 - own[:, index]
                results.append((name, new))
        return results
