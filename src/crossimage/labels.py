"""Label vectors: the domains that an image belongs to, in one data set or several."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from numbers import Real
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BeforeValidator
from torch import Tensor

from crossimage.config import (
    Config,
    Counts,
    Facts,
    Flags,
    Groups,
    Names,
    Share,
    Shares,
    settings,
)
from crossimage.utils.names import did_you_mean, look_up

To = str | Mapping[str, object] | Tensor
"""A target as users give it: a label's name, values by name, or label vectors."""


EVERY_COLUMN = "*"
"""Stands for every column whose values need an explanation."""
_LONGEST = 200  # bytes of a label's name, which becomes part of file names
_ROUNDING = 1e-3  # by which values that should add up to 1 may miss it
_LISTED = 50  # labels that an error message names at most


def _by_column(value: object, prefix: str = "") -> dict[str, tuple[str, ...]]:
    """Return values by column; nested names, of columns with dots, are joined again."""
    if not isinstance(value, Mapping):
        parts = value.split(",") if isinstance(value, str) else value
        words = parts if isinstance(parts, list | tuple) else [parts]
        texts = (str(word).lower() if isinstance(word, bool) else str(word) for word in words)
        return {prefix or EVERY_COLUMN: tuple(text.strip() for text in texts)}
    found: dict[str, tuple[str, ...]] = {}
    for key, inner in value.items():
        found |= _by_column(inner, f"{prefix}.{key}" if prefix else str(key))
    return found


def _known(value: object) -> object:
    if value == "unknown":
        raise ValueError(
            "an image's label can't be unknown: the mask tells data sets apart, not single labels; "
            "use skip, which leaves these images out"
        )
    return value


ValuesByColumn = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_by_column)]
Missing = Annotated[Literal["refuse", "skip"], BeforeValidator(_known)]


@dataclass(frozen=True)
class LabelValues:
    """What the values of a table's columns mean.

    Attributes:
        positive: Values that count as 1, by column.
        negative: Values that count as 0, by column.
        missing: What happens to images without a value.
    """

    positive: Mapping[str, Sequence[str]] = field(default_factory=dict)
    negative: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: Literal["refuse", "skip"] = "refuse"


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


@settings
class LabelledConfig(Config):
    """Configuration of a method whose domains are label vectors.

    Attributes:
        domains: Names of the labels, in the order of the label vector; taken from the data.
        attributes: The labels to learn: attributes of a table, or class folders; empty: all.
        exclusive: Groups of mutually exclusive attributes, such as hair colours, as
            [[a, b], [c, d]]; a single group also as a,b.
        label_sets: Number of labels in each data set; taken from the data. Empty: one data set.
        categorical: Whether the labels of each data set are classes, of which an image has exactly
            one; taken from the data. Empty: they are attributes, which an image has or lacks.
        positive: Values of a table that count as 1, by column, as positive.gender=F; a value alone
            is for every column of two values that do not explain themselves.
        negative: Values of a table that count as 0, by column, as negative.edema=0,-1; needed where
            a column holds more than one other value. What is neither 1 nor 0 is missing.
        missing: Whether images without a value of a label are left out (skip) or stop the run
            (refuse).
        blends: Whether networks take values of labels between 0 and 1; not a setting.
    """

    blends: ClassVar[bool] = False
    attributes: Names = ()
    exclusive: Groups = ()
    label_sets: Counts = ()
    categorical: Flags = ()
    positive: ValuesByColumn = field(default_factory=dict)
    negative: ValuesByColumn = field(default_factory=dict)
    missing: Missing = "refuse"

    def __post_init__(self) -> None:
        """Refuse inconsistent labels."""
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
    def values(self) -> LabelValues:
        """What the values of tables mean."""
        return LabelValues(self.positive, self.negative, self.missing)

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
        return Labels(sets, self.exclusive, blends=self.blends)

    @property
    def _sizes(self) -> tuple[int, ...]:
        return self.label_sets or (len(self.names),)

    def fields_from(self, facts: Facts) -> dict[str, Any]:
        """Return the settings that the data determines, including the labels.

        Raises:
            ValueError: ``domains`` are set, but are not the labels of the data.
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


@settings
class ReferencesConfig(LabelledConfig):
    """Configuration of a method that learns from images of classes and references of others.

    Attributes:
        balanced: Draw the classes of images and references evenly, rather than the images.
        references: References of each sample, at most two; not a setting.
        unseen_classes: Whether test images may be of classes without training images; not a
            setting.
    """

    balanced: bool = True
    references: ClassVar[int] = 1
    unseen_classes: ClassVar[bool] = False

    @property
    def labels(self) -> Labels:
        """The classes, of which an image has exactly one.

        Raises:
            ValueError: Two classes share a name.
        """
        return Labels([LabelSet(self.names, True)])


@settings
class ClassPairsConfig(LabelledConfig):
    """Configuration of a method that learns from sketches and edge maps of photos of classes.

    Attributes:
        sketch_share: Share of sketches among the inputs at the first step and at the last, between
            which it grows evenly; the other inputs are edge maps.
        real_sketch_share: The same share among the photos that the discriminator learns from.
    """

    sketch_share: Shares = (0.2, 0.8)
    real_sketch_share: Share = 0.1

    @property
    def needed(self) -> tuple[str, ...]:
        """Which of ``sketches`` and ``edges`` training draws from."""
        shares = (*self.sketch_share, self.real_sketch_share)
        both = {"sketches": max(shares) > 0, "edges": min(shares) < 1}
        return tuple(name for name, on in both.items() if on)

    @property
    def because(self) -> str:
        """Why, and how to do without one of them, for error messages."""
        if len(self.needed) == 1:
            return ""
        first, last = self.sketch_share
        return (
            f"with sketch_share={first:g},{last:g} and real_sketch_share="
            f"{self.real_sketch_share:g} training draws from sketches and from edge maps, so add "
            "it, or set both to 1 for sketches alone or to 0 for edge maps alone (sketch_share=1,1 "
            "real_sketch_share=1); "
        )


def parse_target(text: str, names: Sequence[str] = ()) -> To:
    """Parse ``Blond_Hair`` or ``Male=1,Young=0.5`` into a target for :meth:`Labels.vectors`.

    A name that holds a comma may stand in double quotes: ``"a,b"=1,Young=0``.

    Args:
        text: The text.
        names: The known labels; text that is one of them needs no quotes.

    Raises:
        ValueError: A part is not ``name=value``.
    """
    if look_up(text, names) is not None:
        return text
    quoted = re.fullmatch(r'\s*"((?:[^"]|"")*)"\s*', text)
    if quoted:
        return quoted[1].replace('""', '"')
    if "=" not in text:
        return text
    values: dict[str, object] = {}
    example = names[0] if names else "Male"
    for part in re.findall(r'(?:"(?:[^"]|"")*"|[^,"]|"(?=[^"]*$))+|(?<=,)(?=,|$)|^(?=,)', text):
        name, equals, value = part.rpartition("=")
        name, value = name.strip(), value.strip()
        if not (name and equals and value):
            raise ValueError(
                f"'{part}' is not understood: expected name=value, such as {example}=1"
            )
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = name[1:-1].replace('""', '"')
        values[name] = value
    return values


def check_names(names: Sequence[str], source: str) -> None:
    """Check that labels can be asked for by their names, and be part of the names of files.

    Args:
        names: Names of labels.
        source: The table or folder that has them.

    Raises:
        ValueError: A name can't be used.
    """
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(
                f"{source} has labels '{other}' and '{name}', which differ only in upper and lower "
                "case, as files on some systems can't; rename one, or choose among them with "
                "`attributes`"
            )
    for name in names:
        if name.casefold() == "all":
            problem = "stands for every label in `--to all`"
        elif len(name.encode("utf-8", "surrogateescape")) > _LONGEST:
            problem = f"has more than {_LONGEST} bytes, too many for a part of a file's name"
        elif name != name.strip() or not name.isprintable() or not name:
            problem = "begins or ends with a space, or holds characters that can't be typed"
        elif name.startswith('"'):
            problem = "begins with a quotation mark"
        else:
            continue
        shown = name if len(name) <= _LISTED else f"{name[:_LISTED]}..."
        raise ValueError(f"{source} has a label '{shown}', which {problem}; rename it")


def label_index(name: str, names: Sequence[str]) -> int:
    """Return the index of a label among others, ignoring case.

    Raises:
        ValueError: The label is unknown; the nearest one is suggested.
    """
    index = look_up(name, names)
    if index is None:
        hint = did_you_mean(name, names)
        more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
        known = ", ".join(names[:_LISTED])
        raise ValueError(f"there is no label '{name}', only {known}{more}{hint}")
    return index
