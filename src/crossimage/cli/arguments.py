"""Arguments shared by several commands."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, get_args

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
)

from crossimage.data.images.checks.limit import set_max_pixels
from crossimage.utils.numbers import whole_number
from crossimage.utils.streams import print_error
from crossimage.utils.texts.shown import cut

NUMBERS = ConstructorRegistry()
"""How tyro reads the arguments of all commands."""


@NUMBERS.primitive_rule
def _read_whole_number(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[int] | None:
    """Read whole numbers in the notation of floating-point numbers, too."""
    if info.type is not int:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda texts: whole_number(texts[0]),
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    )


@NUMBERS.primitive_rule
def _read_optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Read what may be left out like the type itself; its help does not offer the word None."""
    kinds = [kind for kind in get_args(info.type) if kind is not type(None)]
    if type(None) not in get_args(info.type) or len(kinds) != 1:
        return None
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(kinds[0], info.markers))
    if not isinstance(spec, PrimitiveConstructorSpec):
        return None
    return replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: (
            [str(None)] if value is None else spec.str_from_instance(value)
        ),
    )


Recipe = Annotated[str, tyro.conf.arg(metavar="RECIPE|METHOD")]
Data = Annotated[str, tyro.conf.arg(metavar="DIR")]
# Paths that must not be empty stay strings until they are checked: Path("") is the working folder.
Run = Annotated[str, tyro.conf.arg(metavar="RUN")]
Out = Annotated[str, tyro.conf.arg(metavar="DIR")]
Name = Annotated[str, tyro.conf.arg(metavar="NAME")]
Inputs = Annotated[tuple[str, ...], tyro.conf.arg(metavar="INPUT...")]
Settings = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[RECIPE] [KEY=VALUE...]")]
Checkpoint = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[FORMAT] FILE...")]
Model = Annotated[str, tyro.conf.arg(metavar="MODEL")]
Changes = Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE...")]
References = Annotated[tuple[str, ...], tyro.conf.arg(metavar="IMG|DIR...")]
Threads = Annotated[int | None, tyro.conf.arg(metavar="N")]
Models = Annotated[tuple[str, ...], tyro.conf.arg(metavar="MODEL...")]
Hosts = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...")]
Style = Annotated[str | None, tyro.conf.arg(metavar="NUMBER,...")]
MaxPixels = Annotated[int | None, tyro.conf.arg(metavar="N")]


def limit_pixels(most: int | None) -> None:
    """Follow ``--max-pixels``, if it is given."""
    if most is not None:
        set_max_pixels(most)


def use_threads(wanted: int | None = None, device: str = "auto") -> None:
    """Follow ``--threads``, or leave busy cores to other programs and say so."""
    import torch

    from crossimage.utils.devices import find_device
    from crossimage.utils.machine.threads import choose_threads

    if wanted is None and find_device(device).type != "cpu":
        return
    chosen = choose_threads(wanted or 0, remedy="--threads N sets another number")
    torch.set_num_threads(chosen.count)
    if chosen.fewer:
        print_error(f"crossimage: {chosen}")


def parse_shard(text: str | None, seed: int | None) -> tuple[int, int] | None:
    """Return the two numbers of ``--shard``, or None if it is not given.

    Raises:
        ValueError: It is not K/N with K from 1 to N, or there is no seed.
    """
    if text is None:
        return None
    k, _, n = text.partition("/")
    digits = all(part.isascii() and part.isdecimal() and len(part) < 10 for part in (k, n))
    if not digits or not 1 <= int(k) <= int(n):
        raise ValueError(
            f"--shard {cut(text)!r} is not a part of the inputs; expected K/N with K from 1 to N, "
            "of at most nine digits, such as --shard 3/16"
        )
    if seed is None:
        raise ValueError("--shard needs --seed, so that all shards draw the same styles")
    return int(k), int(n)


def parse_style(text: str | None) -> list[float] | None:
    """Return the numbers of ``--style``, or None if it is not given.

    Raises:
        ValueError: It is not a list of numbers.
    """
    if text is None:
        return None
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"--style {cut(text)!r} is not a style; expected numbers with commas between them, "
            "such as --style=0.5,-1"
        )
    return numbers
