"""Types of settings: what a value may be, and how it may be written on a command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar, dataclass_transform

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    FiniteFloat,
    StringConstraints,
    Tag,
)

from crossimage.utils.names import did_you_mean
from crossimage.utils.numbers import whole_number
from crossimage.utils.paths import expanded

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def settings(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen, keyword-only dataclass that refuses unknown keys when validated."""
    cls.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def _separated(value: object) -> object:
    """Turn ``edges,shoes`` or a single value into a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int | float) else value


def _grouped(value: object) -> object:
    """Turn ``black,blond`` into a list of one group of names, and nothing into none."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    return value


def _square(value: object) -> object:
    """Use a single number for both sides."""
    value = _separated(value)
    return value * 2 if isinstance(value, list) and len(value) == 1 else value


def _indices(value: object) -> object:
    """Turn ``0,4,8`` or a single number into a list of whole numbers."""
    parts = _separated(value)
    if isinstance(parts, list | tuple):
        try:
            return [_index(part) for part in parts]
        except ValueError:
            pass
    raise ValueError("expected numbers separated by commas")


def _index(value: object) -> int:
    return whole_number(str(_number(value)))


def _number(value: object) -> object:
    """Refuse YAML's true and flags without a value, which Python would take for 1."""
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


def _whole(value: object) -> object:
    """Read texts such as ``1e5``, which YAML does not take for numbers."""
    value = _number(value)
    return whole_number(value) if isinstance(value, str) else value


FilePath = Annotated[Path, AfterValidator(expanded)]
PositiveInt = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=10**18)]
NonNegativeInt = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=10**18)]
Width = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=65_536)]  # channels, lengths
WidthOrZero = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=65_536)]
Depth = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=256)]  # layers, blocks
DepthOrZero = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=256)]
Halvings = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=16)]
HalvingsOrZero = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=16)]
Items = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=1_000_000)]  # held or made at once
ItemsOrZero = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=1_000_000)]
Workers = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=1024)]
Side = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=65_536)]  # in pixels
SideOrZero = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=65_536)]
Epochs = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1e9, allow_inf_nan=False)]
PositiveFloat = Annotated[float, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)]
Shares = Annotated[tuple[Share, Share], BeforeValidator(_separated)]
_Area = Annotated[float, BeforeValidator(_number), Field(ge=0, le=4)]
Areas = Annotated[tuple[_Area, _Area], BeforeValidator(_separated)]
Fraction = Annotated[float, BeforeValidator(_number), Field(ge=0, lt=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_separated)]
Groups = Annotated[tuple[Names, ...], BeforeValidator(_grouped)]
Counts = Annotated[tuple[Width, ...], BeforeValidator(_separated), Field(max_length=256)]
Channels = Counts
Indices = Annotated[
    tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...],
    BeforeValidator(_indices),
    Field(max_length=256),
]
Flags = Annotated[tuple[bool, ...], BeforeValidator(_separated)]
Betas = Annotated[tuple[Fraction, Fraction], BeforeValidator(_separated)]
Letter = Annotated[str, StringConstraints(pattern="^[a-z]$")]
Range = Annotated[tuple[FiniteFloat, FiniteFloat], BeforeValidator(_separated)]
Ranges = Annotated[
    Annotated[Range, Tag("")] | Annotated[dict[Letter, Range], Tag("by letter")],
    Discriminator(lambda value: "by letter" if isinstance(value, Mapping) else ""),
]
Size = Annotated[tuple[Side, Side], BeforeValidator(_square)]

AUGMENTATIONS = ("color", "translation", "cutout")
"""What images can be augmented by on their way to discriminators."""


def _augmentations(value: object) -> object:
    """Check the names of augmentations; ``none`` stands for none."""
    names = _separated(value)
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError("expected names separated by commas, such as color,translation,cutout")
    if list(names) == ["none"]:
        return ()
    known = (*AUGMENTATIONS, "adaptive")
    for name in names:
        if name not in known:
            raise ValueError(
                f"'{name}' is not an augmentation{did_you_mean(name, known)}; expected one or more "
                f"of {', '.join(known)}, or none alone"
            )
    return tuple(dict.fromkeys(names))


Augmentations = Annotated[
    tuple[Literal["color", "translation", "cutout", "adaptive"], ...],
    BeforeValidator(_augmentations),
]

DataRules = Literal[1, 2, 3]
"""Rules by which the files of a data set are found, named and read: 3, or those of earlier
versions. Before 3, recipes name domains whatever their folders are called; 1 also finds and reads
files differently."""

Layout = Literal[
    "unpaired", "paired", "single", "super_resolution", "labelled", "classes", "class_pairs"
]
"""How training images belong together: independent domains; pairs; a single domain; images with
small versions of themselves; images with label vectors, from one data set or several; images of
classes, with further images of a target class; sketches or edge maps of photos, with the class of
each."""


Half = Literal["left", "right"]
Halves = Annotated[tuple[Half, ...], BeforeValidator(_separated)]  # one per domain
