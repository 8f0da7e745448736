"""Measures of the many answers to one input, each in a pass of its own over some inputs."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import Gallery, Row
from crossimage.evaluation.galleries.images import Pictures, ahead
from crossimage.evaluation.networks.open import Tools
from crossimage.evaluation.report.figures import Figure, mean_of
from crossimage.evaluation.report.strips import Block, Extremes, Strip, strip
from crossimage.utils.seeds import seed_of

T = TypeVar("T")

_TOGETHER = 32  # pairs of real pictures that are compared at a time


INPUTS = 100
"""Inputs for the measures of many answers, by default."""

LPIPS_ANSWERS, CIS_ANSWERS = 20, 100
"""Answers an input for LPIPS, which make 19 pairs of neighbours, and for the conditional
inception score (MUNIT, section 5.2; BicycleGAN, section 5.2)."""


@dataclass(frozen=True)
class Amounts:
    """How much is measured.

    Attributes:
        inputs: Inputs for all measures; None: all, or 100 for measures of many answers.
        samples: Answers an input for all measures; None: as each measure is published.
        seed: Seed of all random choices.
    """

    inputs: int | None = None
    samples: int | None = None
    seed: int = 0


class Track(Protocol):
    """Shows the progress through a number of things."""

    def __call__(self, things: Iterable[T], what: str, total: int, /) -> Iterable[T]:
        """The things, of which it is told what they are, and how many."""


def _many(
    gallery: Gallery, amounts: Amounts, published: int, what: str, track: Track
) -> tuple[Iterable[Row], int, int]:
    """Inputs with many answers; how many inputs, and answers of each."""
    inputs = min(gallery.total, amounts.inputs or INPUTS)
    samples = gallery.answers(amounts.samples or published)
    rows = gallery.rows(inputs, samples)
    return track(rows, f"{gallery.title}: {what}", inputs), inputs, samples


def diversity(
    gallery: Gallery, tools: Tools, amounts: Amounts, track: Track
) -> tuple[Figure, list[Block]]:
    """LPIPS between answers to one input, and the inputs with the most and least of it."""
    lpips = tools.lpips
    rows, inputs, samples = _many(gallery, amounts, LPIPS_ANSWERS, "lpips", track)
    extremes, means = Extremes(), []
    for row in rows:
        means.append(float(lpips(row.answers[:-1], row.answers[1:]).double().mean()))
        extremes.add(means[-1], partial(_most_of, row, means[-1]))
    value, interval = mean_of(means)
    pairs = samples - 1
    protocol = (
        f"LPIPS v0.1, {lpips.name}, between neighbours of {samples} answers to one input: mean "
        f"over {inputs} inputs with {pairs} pairs each (BicycleGAN's own figures are of v0.0)"
    )
    figure = Figure(
        "lpips", value, interval, inputs * pairs, protocol, amounts.seed, lpips.library,
        lpips.comparable,
    )  # fmt: skip
    return figure, _by_diversity(extremes, "LPIPS")


def _by_diversity(extremes: Extremes, measure: str) -> list[Block]:
    least, most = (f"Inputs of {end} diversity by {measure}" for end in ("least", "most"))
    return extremes.blocks(least, most)


def _most_of(row: Row, value: float) -> Strip:
    return strip(f"{row.name}: {value:.4g}", row.picture, row.answers, row.target)


def diversity_of_real(gallery: Gallery, tools: Tools, amounts: Amounts, track: Track) -> Figure:
    """LPIPS between random real pictures of the target, as many pairs as of answers.

    The upper bound that the diversity of the answers is read beside (MUNIT, table 1).
    """
    lpips, count = tools.lpips, len(gallery.real)
    possible = count * (count - 1) // 2
    wanted = (amounts.inputs or INPUTS) * ((amounts.samples or LPIPS_ANSWERS) - 1)
    draw = random.Random(seed_of(amounts.seed, "real pairs"))
    pairs = draw.sample(range(possible), min(wanted, possible))
    read = ahead(partial(_pair, gallery.real), pairs, 2 * _TOGETHER)
    total, what = 0.0, f"{gallery.title}: real pairs"
    for pictures in _parts(track(read, what, len(pairs))):
        x, y = pictures.unbind(1)
        total += float(lpips(x, y).double().sum())
    protocol = (
        f"LPIPS v0.1, {lpips.name}, between two real images of the target: mean over {len(pairs)} "
        f"random pairs of {count} images"
    )
    fewer = f"{len(pairs)} pairs instead of {wanted}, for want of more images"
    return Figure(
        "lpips_real", total / len(pairs), None, len(pairs), protocol, amounts.seed, lpips.library,
        lpips.comparable, fewer if possible < wanted else "",
    )  # fmt: skip


def _pair(pictures: Pictures, number: int) -> Tensor:
    """A pair (2, 3, H, W) of a stream's pictures, in the order (0, 1), (0, 2), (1, 2), (0, 3)."""
    later = (1 + math.isqrt(1 + 8 * number)) // 2
    places = number - later * (later - 1) // 2, later
    return torch.stack([pictures.read(pictures.paths[place]) for place in places])


def _parts(pairs: Iterable[Tensor]) -> Iterator[Tensor]:
    flow = iter(pairs)
    while part := list(islice(flow, _TOGETHER)):
        yield torch.stack(part)


def conditional(
    gallery: Gallery, tools: Tools, amounts: Amounts, track: Track
) -> tuple[list[Figure], list[Block]]:
    """The conditional inception score and, of the same answers, the inception score.

    With the inputs whose answers are of the most and of the fewest classes.
    """
    from crossimage.evaluation.networks.lpips import conditional_inception_score, divergence

    rows, inputs, samples = _many(gallery, amounts, CIS_ANSWERS, "cis", track)
    classifier, extremes = tools.classifier, Extremes()

    def probabilities() -> Iterator[Tensor]:
        for row in rows:
            yield (found := classifier.probabilities(row.answers))
            value = divergence(found)
            extremes.add(value, partial(_most_of, row, value))

    figures = [
        replace(
            figure,
            protocol=f"{figure.protocol}; {inputs} inputs with {samples} answers each, classes as "
            f"{classifier.name} sees them",
        )
        for figure in conditional_inception_score(probabilities())
    ]
    return figures, _by_diversity(extremes, "CIS")
