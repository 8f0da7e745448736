"""How alike two sets of pictures are: Fréchet and kernel inception distance, inception score.

- FID: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
  Equilibrium", 2017, eq. 6.
- KID: Bińkowski et al., "Demystifying MMD GANs", 2018, section 4.
- Inception score: Salimans et al., "Improved Techniques for Training GANs", 2016, section 4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import maximum_mean_discrepancy, poly_kernel

from crossimage.evaluation.metrics.statistics import SPLITS, Statistics, statistics_of
from crossimage.evaluation.report.figures import Figure, library
from crossimage.utils.seeds import seed_of

__all__ = ["Statistics", "fid", "inception_score", "kid", "statistics_of"]

SUBSETS, SUBSET = 100, 1000
"""Subsets that KID is averaged over, and pictures of each side in one."""

SPLIT = 100
"""Pictures at least in one of the parts that the inception score is averaged over."""

_T95 = 2.262  # Student's t for a two-sided interval of 95 % from ten values
_NORMAL95 = 1.960


def fid(fake: Statistics, real: Statistics) -> Figure:
    """Fréchet inception distance between generated and real pictures; lower is better.

    Raises:
        ValueError: There are fewer than two pictures on a side.
    """
    _need_two("FID", fake, real)
    metric = FrechetInceptionDistance(feature=_Identity(fake.features.dim))
    for name, side in (("fake", fake), ("real", real)):
        # Nothing to add: the sums are there already.
        metric.update(torch.zeros(0, side.features.dim, dtype=torch.float64), real=name == "real")
        setattr(metric, f"{name}_features_sum", side.total.cpu())
        setattr(metric, f"{name}_features_cov_sum", side.outer.cpu())
        setattr(metric, f"{name}_features_num_samples", torch.tensor(side.count))
    few = min(fake.count, real.count)
    note = ""
    if few <= fake.features.dim:
        note = (
            f"rank-deficient: {few} images for {fake.features.dim} features; biased upwards, to be "
            "compared at the same numbers of images only"
        )
    value = float(metric.compute())
    return _figure("fid", value, None, fake, None, note, library("torchmetrics"), (
        f"Fréchet distance of the features of {fake.count} generated and {real.count} real "
        f"images; features of {fake.features.name}"
    ))  # fmt: skip


def kid(fake: Statistics, real: Statistics) -> Figure:
    """Kernel inception distance between generated and real pictures; lower is better.

    The squared maximum mean discrepancy with the kernel (xᵀy / D + 1)³, unbiased (it may be
    slightly negative), averaged over subsets.

    Raises:
        ValueError: There are fewer than two pictures on a side.
    """
    _need_two("KID", fake, real)
    x, y = real.kept.double(), fake.kept.double()
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
        f"features of {fake.features.name}"
    ))  # fmt: skip


def inception_score(fake: Statistics) -> Figure:
    """Inception score of pictures: exp of the mean KL from their classes to the marginal.

    Raises:
        ValueError: There are fewer than two pictures.
    """
    _need_two("IS", fake)
    sizes, plogp, mass = fake.sizes.double(), fake.plogp.cpu(), fake.mass.cpu()
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
        note = f"one split instead of {SPLITS}, for want of images; biased downwards"
    seed = fake.seed if splits > 1 else None
    return _figure("is", value, interval, fake, seed, note, "", (
        f"exp of the mean KL to the marginal of {sets} {fake.count} images; "
        f"class probabilities of {fake.features.name}"
    ))  # fmt: skip


class _Identity(nn.Module):
    """Stands for a network where the features are known."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.num_features = dim

    def forward(self, x: Tensor) -> Tensor:
        return x


def _need_two(name: str, fake: Statistics, real: Statistics | None = None) -> None:
    for side, what in ((fake, "generated"), (real, "real")):
        if side is not None and side.count < 2:
            raise ValueError(
                f"{name} needs at least 2 {what} images, found {side.count}: give more images or "
                "leave the measure out"
            )
    if real is not None:
        assert real.features.digest == fake.features.digest, "features of different networks"


def _figure(
    name: str, value: float, interval: tuple[float, float] | None, fake: Statistics,
    seed: int | None, note: str, metrics: str, protocol: str,
) -> Figure:  # fmt: skip
    features = fake.features
    packages = ", ".join(filter(None, (metrics, features.library)))
    return Figure(
        name, value, interval, fake.count, protocol, seed, packages, features.comparable, note
    )
