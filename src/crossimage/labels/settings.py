"""Settings of methods that learn from labelled images, and what values of tables mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

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
from crossimage.labels.vectors import Labels, LabelSet

EVERY_COLUMN = "*"
"""Stands for every column whose values need an explanation."""


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
