"""Metrics of several outputs per input: LPIPS diversity and the conditional inception score.

- LPIPS as diversity: Zhu et al., "Toward Multimodal Image-to-Image Translation", 2017, section 5.2.
- CIS: Huang et al., "Multimodal Unsupervised Image-to-Image Translation", 2018, section 5.2.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import combinations, islice
from typing import ClassVar

import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.galleries.images import ImageStream, prefetch
from crossimage.evaluation.metrics.base import INPUTS, Metric, OverParts, Setup
from crossimage.evaluation.report.figures import HIGHER, Figure, library, mean_of, neither
from crossimage.evaluation.report.strips import Block, Extremes, Strip, strip
from crossimage.utils.devices import exact
from crossimage.utils.progress import track
from crossimage.utils.seeds import seed_of

_BATCH_SIZE = 32  # pairs
_KEPT = 32
"""Inputs whose outputs are compared with one another, at most."""

_COLLAPSED = 1 / 3
"""Spread of outputs over inputs, relative to that of real images, below which a note is due."""


class LPIPSDiversity(Metric):
    """LPIPS between neighbouring outputs for one input and, as the upper bound, of real images.

    Published with 20 outputs per input, which make 19 pairs (MUNIT, section 5.2). It is compared
    with the diversity of random pairs of real images (MUNIT, table 1), and so are the outputs for
    different inputs: if they hardly differ, the model has collapsed to a few modes.
    """

    name = "lpips"
    directions = {
        "lpips": neither("higher is more diverse"),  # which means little if images are bad
        "lpips_real": neither("the diversity of real images"),
        "lpips_inputs": neither("over different inputs; close to lpips_real is best"),
    }
    network = "lpips"
    outputs_per_input: ClassVar[int | None] = 20
    over_parts: ClassVar[OverParts] = "never"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._setup = setup
        self._lpips = setup.networks.lpips
        self._means: list[float] = []
        self._extremes = Extremes()
        self._outputs = 0
        self._kept: list[Tensor] = []
        self._draw = random.Random(seed_of(setup.amounts.seed, "spread"))
        gallery = setup.gallery
        self.needs_real_images = gallery.same_size and len(gallery.real) > 1

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""
        self._outputs = len(item.outputs)
        value = self._diversity(item.outputs)
        self._means.append(value)
        self._extremes.add(value, partial(_strip, item, value))
        self._keep(item.outputs[0])

    def figures(self) -> list[Figure]:
        """Return the diversity of the outputs, of real images, and of different inputs' outputs."""
        figures = [self._of_outputs()]
        if self.needs_real_images:
            figures.append(self._of_real_images())
        if len(self._kept) > 1:
            figures.append(self._of_inputs(figures[1].value if self.needs_real_images else 0.0))
        return figures

    def blocks(self) -> list[Block]:
        """Return the inputs with the least and the most diversity."""
        return _blocks(self._extremes, "LPIPS")

    def _diversity(self, outputs: Tensor) -> float:
        """Return the mean distance between neighbours of the outputs for one input."""
        return float(exact(self._lpips(outputs[:-1], outputs[1:])).mean())

    def _keep(self, output: Tensor) -> None:
        """Keep a random sample of outputs of one size, each of another input."""
        if self._kept and self._kept[0].shape != output.shape:
            return
        place = self._draw.randrange(len(self._means))
        if len(self._kept) < _KEPT:
            self._kept.append(output)
        elif place < _KEPT:
            self._kept[place] = output

    def _of_inputs(self, real: float) -> Figure:
        """Return the mean over all pairs of the outputs that were kept."""
        pairs = iter(torch.stack(pair) for pair in combinations(self._kept, 2))
        total = sum(float(exact(self._lpips(*b.unbind(1))).sum()) for b in _batches(pairs))
        inputs = len(self._kept)
        count = inputs * (inputs - 1) // 2
        value = total / count
        warning = (
            "outputs for different inputs differ from one another by less than a third of what "
            "real images do: the model may have collapsed to a few modes"
        )
        return Figure(
            "lpips_inputs", value, None, count,
            f"LPIPS v0.1, {self._lpips.name}, between the outputs for two different inputs: mean "
            f"over all pairs of {inputs} inputs",
            self._setup.amounts.seed, self._lpips.library, self._lpips.comparable,
            warnings=(warning,) if value < _COLLAPSED * real else (),
        )  # fmt: skip

    def _of_outputs(self) -> Figure:
        value, interval = mean_of(self._means)
        inputs, pairs = len(self._means), self._outputs - 1
        protocol = (
            f"LPIPS v0.1, {self._lpips.name}, between neighbours of {self._outputs} outputs for "
            f"one input: mean over {inputs} inputs with {pairs} pairs each (BicycleGAN's own "
            "figures are of v0.0)"
        )
        return Figure(
            "lpips", value, interval, inputs * pairs, protocol, self._setup.amounts.seed,
            self._lpips.library, self._lpips.comparable,
        )  # fmt: skip

    def _real_pairs(self) -> int:
        amounts = self._setup.amounts
        return (amounts.inputs or INPUTS) * ((amounts.samples or 20) - 1)

    def _of_real_images(self) -> Figure:
        """Return the mean over random pairs, as many as there are pairs of outputs."""
        amounts, real = self._setup.amounts, self._setup.gallery.real
        count = len(real)
        possible = count * (count - 1) // 2
        wanted = self._real_pairs()
        draw = random.Random(seed_of(amounts.seed, "real pairs"))
        pairs = draw.sample(range(possible), min(wanted, possible))
        read = prefetch(partial(_pair, real), pairs, 2 * _BATCH_SIZE)
        title = f"{self._setup.gallery.title}: real pairs"
        total = 0.0
        for images in _batches(track(read, title, len(pairs), self._setup.progress)):
            x, y = images.unbind(1)
            total += float(exact(self._lpips(x, y)).sum())
        protocol = (
            f"LPIPS v0.1, {self._lpips.name}, between two real images of the target: mean over "
            f"{len(pairs)} random pairs of {count} images"
        )
        fewer = f"{len(pairs)} pairs instead of {wanted}, because there are too few images"
        return Figure(
            "lpips_real", total / len(pairs), None, len(pairs), protocol, amounts.seed,
            self._lpips.library, self._lpips.comparable, fewer if possible < wanted else "",
        )  # fmt: skip


class PairwiseLPIPS(LPIPSDiversity):
    """LPIPS between all pairs of the outputs for one input, as published for StarGAN v2.

    Ten outputs make 45 pairs. It is the diversity of galleries of several parts, which are made
    with that many outputs per input; see :class:`LPIPSDiversity` for its other figures.
    """

    name = "lpips_pairs"
    directions = {
        "lpips_pairs": neither("higher is more diverse"),
        "lpips_real": neither("the diversity of real images"),
        "lpips_inputs": neither("over different inputs; close to lpips_real is best"),
    }
    outputs_per_input = None  # it shares the pass of other metrics
    over_parts = "mean"

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.refusal`."""
        gallery = setup.gallery
        if not gallery.is_part:
            return "lpips is the diversity of the outputs for one target"
        if gallery.outputs_per_input(setup.amounts.samples) < 2:
            return "it needs at least 2 outputs per input; give --samples 2 or more"
        return super().refusal(setup)

    def _diversity(self, outputs: Tensor) -> float:
        pairs = [torch.stack(pair) for pair in combinations(outputs, 2)]
        distances = [self._lpips(*batch.unbind(1)) for batch in _batches(pairs)]
        return float(exact(torch.cat(distances)).mean())

    def _real_pairs(self) -> int:
        return INPUTS

    def _of_outputs(self) -> Figure:
        value, interval = mean_of(self._means)
        inputs, pairs = len(self._means), math.comb(self._outputs, 2)
        protocol = (
            f"LPIPS v0.1, {self._lpips.name}, between all pairs of {self._outputs} outputs for one "
            f"input: mean over {inputs} inputs with {pairs} pairs each"
        )
        return Figure(
            "lpips_pairs", value, interval, inputs * pairs, protocol, self._setup.amounts.seed,
            self._lpips.library, self._lpips.comparable,
        )  # fmt: skip


class ConditionalInceptionScore(Metric):
    """The conditional inception score and, of the same outputs, the inception score."""

    name = "cis"
    directions = dict.fromkeys(("cis", "cis_exp", "is_classes", "is_classes_exp"), HIGHER)
    network = "classifier"
    outputs_per_input = 100
    over_parts = "never"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._classifier = setup.networks.classifier
        self._scores = ClassScores()
        self._extremes = Extremes()
        self._inputs = self._outputs = 0

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""
        self._inputs, self._outputs = self._inputs + 1, len(item.outputs)
        value = self._scores.update(self._classifier.probabilities(item.outputs))
        self._extremes.add(value, partial(_strip, item, value))

    def figures(self) -> list[Figure]:
        """Return both scores, each in both forms; see :class:`ClassScores`."""
        each = (
            f"{self._inputs} inputs with {self._outputs} outputs each, classes as "
            f"{self._classifier.name} sees them"
        )
        warnings = (self._classifier.warning,) if self._classifier.warning else ()
        return [
            replace(f, protocol=f"{f.protocol}; {each}", warnings=warnings)
            for f in self._scores.figures()
        ]

    def blocks(self) -> list[Block]:
        """Return the inputs whose outputs are of the fewest and of the most classes."""
        return _blocks(self._extremes, "CIS")


class ClassScores:
    """Conditional inception score and inception score of class probabilities.

    The conditional score is the mean KL divergence from the classes of an output to those of all
    outputs for the same input: high where the outputs for one input are certain and varied. The
    inception score compares with the classes of all outputs for all inputs instead. Published
    figures are either these means (``cis``, ``is_classes``) or their exponentials (``cis_exp``,
    ``is_classes_exp``).
    """

    def __init__(self) -> None:
        self._conditional: list[float] = []
        self._mass = torch.zeros((), dtype=torch.float64)
        self._plogp, self._count = 0.0, 0

    def update(self, probabilities: Tensor) -> float:
        """Add class probabilities (k, classes) of the outputs for one input.

        Returns:
            The mean KL divergence from the classes of one of them to those of all of them.
        """
        p = probabilities.detach().cpu().double()
        self._conditional.append(max(0.0, _entropy(p.mean(0)) - _entropy(p) / len(p)))
        self._mass = self._mass + p.sum(0)
        self._plogp -= _entropy(p)
        self._count += len(p)
        return self._conditional[-1]

    def figures(self) -> list[Figure]:
        """Return both scores, each as a mean and as exp of it.

        Raises:
            ValueError: There are no outputs.
        """
        if not self._count:
            raise ValueError("the conditional inception score needs outputs, found none")
        cis, interval = mean_of(self._conditional)
        score = max(0.0, self._plogp / self._count + _entropy(self._mass / self._count))
        ends = (math.exp(interval[0]), math.exp(interval[1])) if interval else None
        figures = []
        for name, protocol, value, between in (
            ("cis", "mean KL to the marginal of one input, mean over inputs", cis, interval),
            ("cis_exp", "exp of the conditional inception score's mean KL", math.exp(cis), ends),
            ("is_classes", "mean KL to the marginal of all outputs", score, None),
            ("is_classes_exp", "exp of the mean KL to that of all outputs", math.exp(score), None),
        ):
            figures.append(
                Figure(
                    name, value, between, self._count, protocol, None, library("torch"),
                    comparable=False,
                )
            )  # fmt: skip
        return figures


def _entropy(p: Tensor) -> float:
    return -float(torch.xlogy(p, p).sum())


def _blocks(extremes: Extremes, metric: str) -> list[Block]:
    least, most = (f"Inputs of {end} diversity by {metric}" for end in ("least", "most"))
    return extremes.blocks(least, most)


def _strip(item: GalleryItem, value: float) -> Strip:
    return strip(f"{item.name}: {value:.4g}", item.input, item.outputs, item.target)


def _pair(images: ImageStream, number: int) -> Tensor:
    """Return a pair (2, 3, H, W) of a stream's images, in the order (0, 1), (0, 2), (1, 2), ..."""
    second = (1 + math.isqrt(1 + 8 * number)) // 2
    first = number - second * (second - 1) // 2
    return torch.stack([images.read(images.paths[k]) for k in (first, second)])


def _batches(pairs: Iterable[Tensor]) -> Iterator[Tensor]:
    remaining = iter(pairs)
    while batch := list(islice(remaining, _BATCH_SIZE)):
        yield torch.stack(batch)
