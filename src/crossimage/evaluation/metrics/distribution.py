"""Distances between sets of images: Fréchet and kernel inception distance, inception score.

- FID: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
  Equilibrium", 2017, eq. 6.
- KID: Bińkowski et al., "Demystifying MMD GANs", 2018, section 4.
- Inception score: Salimans et al., "Improved Techniques for Training GANs", 2016, section 4.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics.image.fid import _compute_fid  # of means and covariances
from torchmetrics.image.kid import maximum_mean_discrepancy, poly_kernel

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.galleries.moments import Moments
from crossimage.evaluation.metrics.base import BatchedAccumulator, Metric, Setup
from crossimage.evaluation.metrics.fid_error import uncertainty
from crossimage.evaluation.metrics.statistics import (
    SPLITS,
    Statistics,
    cache_folder,
    statistics_of,
)
from crossimage.evaluation.report.figures import HIGHER, LOWER, Figure, library
from crossimage.evaluation.report.strips import Block, Extremes, Strip, strip
from crossimage.utils.devices import exact
from crossimage.utils.progress import track
from crossimage.utils.seeds import seed_of

SUBSETS, SUBSET = 100, 1000
"""Number of subsets that KID is averaged over, and images of each side in one."""

SPLIT = 100
"""Minimum number of images in each split that the inception score is averaged over."""

_BATCH_SIZE = 32
_T95 = 2.262  # Student's t for a two-sided interval of 95 % from ten values
_NORMAL95 = 1.960


class FeatureStatistics(BatchedAccumulator):
    """Feature statistics of the outputs and of the real images, for FID, KID and IS.

    Attributes:
        fake: Statistics of the outputs.
        real: Statistics of the real images; None if these are known only by their moments.
        moments: The moments, in this case.
        inputs: Number of inputs so far.
    """

    def __init__(self, setup: Setup) -> None:
        super().__init__(_BATCH_SIZE)
        gallery, network, seed = setup.gallery, setup.features, setup.amounts.seed
        real, self.moments = gallery.real, gallery.real_moments
        self.real: Statistics | None = None
        if self.moments is None:
            self.real = statistics_of(
                real, network, seed, cache_folder(),
                lambda batches: track(
                    batches, f"{gallery.title}: real images", len(real), setup.progress, len
                ),
            )  # fmt: skip
        self.fake = Statistics(network, seed)
        self.inputs = 0
        self._extremes = Extremes()

    def update_batch(self, items: Sequence[GalleryItem], outputs: Tensor) -> None:
        """Add inputs with their outputs; see :meth:`BatchedAccumulator.update_batch`."""
        self.inputs += len(items)
        features = self.fake.update(outputs)
        if self.real is None:
            return
        nearest = torch.cdist(features, self.real.kept.to(features)).amin(1).tolist()
        each = [(item, k) for item in items for k in range(len(item.outputs))]
        for (item, k), distance in zip(each, nearest, strict=True):
            self._extremes.add(distance, partial(_strip, item, k, distance))

    def blocks(self) -> list[Block]:
        """Return the outputs nearest to real images and farthest from them."""
        if self.real is None:
            return []
        real = "real images (distance to the nearest one in feature space)"
        return self._extremes.blocks(f"Nearest to the {real}", f"Farthest from the {real}")


class _DistributionMetric(Metric):
    """A metric of the features of all outputs together."""

    network = "features"
    needs_real_images = True
    least_images = 2
    expected = True
    _compares: ClassVar[bool] = True  # outputs with real images

    def __init__(self, setup: Setup) -> None:
        self.accumulator = self._statistics = setup.shared(FeatureStatistics)
        self._kind = setup.gallery.item_kind

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.refusal`."""
        gallery, amounts = setup.gallery, setup.amounts
        inputs = min(gallery.total, amounts.inputs or gallery.total)
        generated = inputs * gallery.outputs_per_input(amounts.samples)
        counts = {"generated": generated}
        if cls._compares and gallery.real_moments is None:
            counts["real"] = len(gallery.real)
        for kind, count in counts.items():
            if count < cls.least_images:
                return f"it needs at least {cls.least_images} {kind} images, found {count}"
        return super().refusal(setup)

    def figures(self) -> list[Figure]:
        """Return the result; see :meth:`Metric.figures`."""
        self._statistics.flush()
        figure = self.compute(self._statistics)
        protocol = f"{figure.protocol}; {self._statistics.inputs} {self._kind}"
        return [replace(figure, protocol=protocol)]

    @abstractmethod
    def compute(self, statistics: FeatureStatistics) -> Figure:
        """Return the figure of the outputs' and the real images' statistics."""


class FID(_DistributionMetric):
    """Fréchet inception distance between outputs and real images."""

    name = "fid"
    directions = {"fid": LOWER}
    takes_moments = True

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._resize = setup.networks.resize

    @classmethod
    def refusal(cls, setup: Setup) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.refusal`."""
        if reason := super().refusal(setup):
            return reason
        moments, network = setup.gallery.real_moments, setup.features
        if moments is not None and moments.dim != network.dim:
            return (
                f"{moments.path} holds statistics of {moments.dim} features, and {network.name} "
                f"has {network.dim}"
            )
        return None

    def compute(self, statistics: FeatureStatistics) -> Figure:
        """Return the distance; see :func:`fid`."""
        moments = statistics.moments
        figure = fid(statistics.fake, moments or statistics.real)
        if moments and (warning := moments.warning(self._resize)):
            figure = replace(figure, warnings=(*figure.warnings, warning))
        return figure


class KID(_DistributionMetric):
    """Kernel inception distance between outputs and real images."""

    name = "kid"
    directions = {"kid": LOWER}

    def compute(self, statistics: FeatureStatistics) -> Figure:
        """Return the distance; see :func:`kid`."""
        assert statistics.real is not None
        return kid(statistics.fake, statistics.real)


class InceptionScore(_DistributionMetric):
    """Inception score of the outputs."""

    name = "is"
    directions = {"is": HIGHER}
    takes_moments = True  # by needing nothing of the real images
    over_parts = "never"  # whose outputs are meant to be of one class
    _compares = False

    def compute(self, statistics: FeatureStatistics) -> Figure:
        """Return the score; see :func:`inception_score`."""
        return inception_score(statistics.fake)


def fid(fake: Statistics, real: Statistics | Moments | None) -> Figure:
    """Return the Fréchet inception distance between generated and real images.

    Its interval is for other images of the same model and the same real images' source, as many as
    there are; see :mod:`crossimage.evaluation.metrics.fid_error`.

    Raises:
        ValueError: There are fewer than two images on a side.
    """
    assert real is not None
    if isinstance(real, Moments):
        _need_two("FID", fake)
        few, against = fake.count, f"images and the statistics of real images in {real.path.name}"
    else:
        _need_two("FID", fake, real)
        few, against = min(fake.count, real.count), f"and {real.count} real images"
    value = float(
        _compute_fid(real.mean.cpu(), real.covariance.cpu(), fake.mean.cpu(), fake.covariance.cpu())
    )
    notes, warnings, interval = list[str](), list[str](), None
    if certain := uncertainty(fake, real):
        half = _NORMAL95 * certain.error
        interval = max(0.0, value - half), value + half
        notes.append(f"biased upwards by about {certain.bias:.2g}, as halves of the images show")
        if isinstance(real, Moments):
            notes.append("the interval takes the statistics of the real images as exact")
    if few <= fake.network.dim:
        notes.append(
            f"rank-deficient: {few} images for {fake.network.dim} features; biased upwards; "
            "compare only figures of the same numbers of images"
        )
        warnings = [
            f"FID of {few:,} images for {fake.network.dim:,} features is biased upwards: compare "
            "only figures of the same numbers of images"
        ]
    note = "; ".join(notes)
    figure = _figure("fid", value, interval, fake, None, note, library("torchmetrics"), (
        f"Fréchet distance of the features of {fake.count} generated {against}; features of "
        f"{fake.network.name}"
    ))  # fmt: skip
    return replace(figure, warnings=(*figure.warnings, *warnings))


def kid(fake: Statistics, real: Statistics) -> Figure:
    """Return the kernel inception distance between generated and real images.

    The squared maximum mean discrepancy with the kernel (xᵀy / D + 1)³, unbiased (it may be
    slightly negative), averaged over subsets.

    Raises:
        ValueError: There are fewer than two images on a side.
    """
    _need_two("KID", fake, real)
    x, y = exact(real.kept), exact(fake.kept)
    size = min(SUBSET, len(x), len(y))
    subsets = SUBSETS if size < max(len(x), len(y)) else 1  # all would be the same
    k_xx, k_xy, k_yy = poly_kernel(x, x), poly_kernel(x, y), poly_kernel(y, y)
    generator = torch.Generator().manual_seed(seed_of(fake.seed, "kid"))
    values = torch.zeros(subsets, dtype=torch.float64)
    for k in range(subsets):
        i, j = (
            torch.randperm(len(side), generator=generator)[:size].to(side.device) for side in (x, y)
        )
        rows_i, rows_j = i[:, None], j[:, None]
        values[k] = maximum_mean_discrepancy(k_xx[rows_i, i], k_xy[rows_i, j], k_yy[rows_j, j])
    value, spread = float(values.mean()), float(values.std(unbiased=False))
    interval, notes, sets = None, [], "all"
    if subsets > 1:
        interval = value - _NORMAL95 * spread, value + _NORMAL95 * spread
        notes.append(f"standard deviation over subsets {spread:.2g}")
        sets = f"mean over {subsets} subsets of {size} of"
    if size < SUBSET:
        notes.append(f"too few images for subsets of {SUBSET}")
    note = "; ".join(notes)
    return _figure("kid", value, interval, fake, fake.seed, note, library("torchmetrics"), (
        f"squared MMD, cubic kernel, {sets} {fake.count} generated and {real.count} real images; "
        f"features of {fake.network.name}"
    ))  # fmt: skip


def inception_score(fake: Statistics) -> Figure:
    """Return the inception score: exp of the mean KL from the images' classes to the marginal.

    Raises:
        ValueError: There are fewer than two images.
    """
    _need_two("IS", fake)
    sizes, plogp, mass = exact(fake.sizes), fake.plogp.cpu(), fake.mass.cpu()
    splits = SPLITS if fake.count >= SPLITS * SPLIT else 1
    if splits == 1:
        sizes, plogp, mass = sizes.sum(0, True), plogp.sum(0, True), mass.sum(0, True)
    marginal = mass / sizes[:, None]
    scores = (plogp / sizes - torch.xlogy(marginal, marginal).sum(1)).exp()
    value, interval, sets = float(scores.mean()), None, "all"
    if splits > 1:
        sets = f"{splits} random splits of"
        half = _T95 * float(scores.std()) / splits**0.5
        interval = value - half, value + half
        note = f"standard deviation over splits {float(scores.std(unbiased=False)):.2g}"
    else:
        note = f"one split instead of {SPLITS}, because there are too few images; biased downwards"
    seed = fake.seed if splits > 1 else None
    return _figure("is", value, interval, fake, seed, note, "", (
        f"exp of the mean KL to the marginal of {sets} {fake.count} images; "
        f"class probabilities of {fake.network.name}"
    ))  # fmt: skip


def _need_two(name: str, fake: Statistics, real: Statistics | None = None) -> None:
    for side, kind in ((fake, "generated"), (real, "real")):
        if side is not None and side.count < 2:
            raise ValueError(
                f"{name} needs at least 2 {kind} images, found {side.count}: give more images or "
                "leave the metric out"
            )
    if real is not None:
        assert real.network.digest == fake.network.digest, "features of different networks"


def _figure(
    name: str, value: float, interval: tuple[float, float] | None, fake: Statistics,
    seed: int | None, note: str, metrics: str, protocol: str,
) -> Figure:  # fmt: skip
    network = fake.network
    packages = ", ".join(filter(None, (metrics, network.library)))
    protocol = "; ".join(filter(None, (protocol, network.preparation)))
    return Figure(
        name, value, interval, fake.count, protocol, seed, packages, network.comparable, note,
        variant=network.variant, warnings=(network.warning,) if network.warning else (),
    )  # fmt: skip


def _strip(item: GalleryItem, k: int, distance: float) -> Strip:
    name = item.name if len(item.outputs) == 1 else f"{item.name}, output {k + 1}"
    return strip(f"{name}: {distance:.4g}", item.input, item.outputs[k : k + 1], None)
