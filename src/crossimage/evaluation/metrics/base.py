"""The interface of a metric, and accumulators that metrics share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import ClassVar, Literal, Protocol, TypeVar, cast

import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import Gallery, GalleryItem
from crossimage.evaluation.metrics import METRICS
from crossimage.evaluation.networks.inception import FeatureExtractor
from crossimage.evaluation.networks.open import MetricNetworks, NetworkName
from crossimage.evaluation.report.figures import Direction, Figure
from crossimage.evaluation.report.strips import SHOWN, Block, strip
from crossimage.utils.progress import ProgressCallback

INPUTS = 100
"""Inputs of metrics that need several outputs per input, by default."""

OverParts = Literal["mean", "together", "never"]
"""What a metric does with a gallery of several parts; see :class:`Metric`."""


@dataclass(frozen=True)
class Amounts:
    """How much is evaluated.

    Attributes:
        inputs: Number of inputs; None: all, or 100 for metrics of several outputs per input.
        samples: Outputs per input; None: as each metric is published.
        seed: Seed of all random choices.
    """

    inputs: int | None = None
    samples: int | None = None
    seed: int = 0


class GalleryKind(Protocol):
    """What is known of a gallery before its images are; every gallery is one."""

    @property
    def has_inputs(self) -> bool:
        """Whether the input of every output is known."""

    @property
    def is_video(self) -> bool:
        """Whether the inputs are the successive frames of a video."""

    @property
    def few_shot(self) -> bool:
        """Whether nothing but references says which class the outputs should have."""


class Accumulator(ABC):
    """Gathers something from the outputs, one input at a time, in bounded memory."""

    @abstractmethod
    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""

    def blocks(self) -> list[Block]:
        """Return images for the report."""
        return []


A = TypeVar("A", bound=Accumulator)


@dataclass
class Setup:
    """Everything that the metrics of one gallery are constructed from.

    Attributes:
        gallery: Inputs and their outputs.
        networks: Networks that metrics use, opened on first use.
        amounts: How much is evaluated.
        progress: Receives the progress; None: not reported.
    """

    gallery: Gallery
    networks: MetricNetworks
    amounts: Amounts = field(default_factory=Amounts)
    progress: ProgressCallback | None = None
    _shared: dict[Callable[[Setup], Accumulator], Accumulator] = field(default_factory=dict)

    @property
    def features(self) -> FeatureExtractor:
        """The feature network that the gallery's protocol prescribes."""
        networks = self.networks
        return networks.torchvision_features if self.gallery.torchvision else networks.features

    def parts(self) -> list[Setup]:
        """Return what the metrics of each part of the gallery are constructed from."""
        return [Setup(part, self.networks, self.amounts) for part in self.gallery.parts]

    def shared(self, kind: Callable[[Setup], A]) -> A:
        """Return the accumulator of a kind that several metrics share."""
        if kind not in self._shared:
            self._shared[kind] = kind(self)
        return cast(A, self._shared[kind])


class Metric(Accumulator):
    """A metric: all that the rest of the package needs to know about it, in one place.

    To add one, subclass this in a file of this folder and list it in ``metrics/__init__.py``. Its
    constructor takes a :class:`Setup`.

    Attributes:
        name: Its name in ``--metrics``.
        directions: The figures it may give, and which direction of each is better.
        network: The network it uses, if any.
        needs_pairs: Whether every input must have a known target.
        needs_real_images: Whether it looks at the real images.
        least_images: Number of outputs, and of real images that they are compared with, that it
            needs at least.
        takes_moments: Whether it can do without the real images where only the mean and the
            covariance of their features are known.
        outputs_per_input: Published number of outputs per input, if it needs several; the gallery
            is then iterated over for this metric alone.
        over_parts: How it deals with a gallery of several parts: it is computed for each of them,
            and its figures are the means; it looks at all outputs together; or it does not apply.
        expected: Whether it applies to nearly all models and folders, so that a report says why it
            is missing even if it was not requested.
        figures_of_real_images: Figures that do not depend on the outputs.
        accumulator: What is updated with every input: the metric itself, or an accumulator that it
            shares with other metrics.
    """

    name: ClassVar[str]
    directions: ClassVar[Mapping[str, Direction]]
    network: ClassVar[NetworkName | None] = None
    needs_pairs: ClassVar[bool] = False
    needs_real_images: bool = False
    least_images: ClassVar[int] = 1
    takes_moments: ClassVar[bool] = False
    outputs_per_input: ClassVar[int | None] = None
    over_parts: ClassVar[OverParts] = "mean"
    expected: ClassVar[bool] = False
    figures_of_real_images: ClassVar[frozenset[str]] = frozenset()
    accumulator: Accumulator

    def __init__(self, setup: Setup) -> None:
        self.accumulator = self

    @classmethod
    def misfit(cls, kind: GalleryKind) -> str | None:
        """Return why the metric applies to no gallery of a kind, or None if it may apply."""
        return None

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply to a gallery, or None if it does."""
        gallery = setup.gallery
        if reason := cls.misfit(gallery):
            return reason
        if gallery.real_moments and cls.needs_real_images and not cls.takes_moments:
            return (
                "it needs the real images themselves, and "
                f"{gallery.real_moments.path} holds only the mean and covariance of their features"
            )
        if gallery.is_video and (cls.needs_pairs or cls.needs_real_images):
            return "a video has no real images that its translation is compared with"
        if cls.needs_pairs and not gallery.paired:
            return "the images are not known to be pairs; name the metric to pair them"
        if cls.outputs_per_input and gallery.outputs_per_input(setup.amounts.samples or 2) < 2:
            if gallery.max_outputs == 1:
                return "there is one output per input, so there is no diversity to measure"
            return "it needs at least 2 outputs per input; give --samples 2 or more"
        network = cls.network
        if network == "features" and gallery.torchvision:
            network = "torchvision_features"
        return setup.networks.refusal(network) or setup.networks.failure(network)

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""
        raise NotImplementedError(f"{self.name} is updated through its accumulator")

    @abstractmethod
    def figures(self) -> list[Figure]:
        """Return the results, after the last input."""


def load_metric(name: str) -> type[Metric]:
    """Return the class of a listed metric."""
    module, _, kind = METRICS[name].rpartition(".")
    metric: type[Metric] = getattr(import_module(f"{__package__}.{module}"), kind)
    assert metric.name == name, f"{METRICS[name]} is listed as '{name}'"
    return metric


class BatchedAccumulator(Accumulator):
    """An accumulator whose network sees the outputs of several inputs at a time.

    Args:
        batch_size: Minimum number of outputs in a batch.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._waiting: list[GalleryItem] = []

    @abstractmethod
    def update_batch(self, items: Sequence[GalleryItem], outputs: Tensor) -> None:
        """Add several inputs, with all their outputs as one batch (N, 3, H, W)."""

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""
        waiting = self._waiting
        if waiting and waiting[0].outputs.shape[2:] != item.outputs.shape[2:]:
            self.flush()
        waiting.append(item)
        if sum(len(one.outputs) for one in waiting) >= self._batch_size:
            self.flush()

    def flush(self) -> None:
        """Process the inputs that are still waiting for a full batch."""
        if self._waiting:
            self.update_batch(self._waiting, torch.cat([item.outputs for item in self._waiting]))
            self._waiting.clear()


class RandomStrips(Accumulator):
    """Some inputs with their outputs, chosen at random, to look at.

    Args:
        total: Number of inputs that will be added.
        seed: Seed of the choice.
        kind: What the items are called, such as inputs.
    """

    def __init__(self, total: int, seed: int, kind: str) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._chosen = set(torch.randperm(total, generator=generator)[: 2 * SHOWN].tolist())
        self._block, self._count = Block(f"Random {kind}"), 0

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs."""
        if self._count in self._chosen:
            self._block.strips.append(strip(item.name, item.input, item.outputs, item.target))
        self._count += 1

    def blocks(self) -> list[Block]:
        """Return the chosen ones."""
        return [self._block]
