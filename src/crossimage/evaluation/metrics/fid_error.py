"""How certain a Fréchet distance is: its standard error, and its bias for few images.

A bootstrap does not work here: it draws images several times, so that its covariances have a lower
rank and its distances are far too large. But the distance is a smooth function of the weights of
the images, and its derivative by each weight follows from one singular value decomposition: this
is the infinitesimal jackknife (Efron, "Nonparametric Estimates of Standard Error", 1981), the limit
of a bootstrap for small changes of the weights. With the centred features X (n, D) and Y (m, D),
tr (S_x S_y)^(1/2) is the sum of the singular values of K = X Y^T / sqrt((n - 1)(m - 1)), and with
K = U S V^T its derivative by the weight of image j of Y is half of the j-th diagonal entry of
V S V^T.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from crossimage.evaluation.galleries.moments import Moments
from crossimage.evaluation.metrics.statistics import Statistics
from crossimage.utils.devices import exact
from crossimage.utils.seeds import seed_of

_FEWEST = 20
"""Images of a side from which on there is an error: fewer say too little about their spread."""


@dataclass(frozen=True)
class Uncertainty:
    """How certain a Fréchet distance is.

    Attributes:
        error: Its standard error.
        bias: By how much it is too large because there are not more images, roughly.
    """

    error: float
    bias: float


def uncertainty(fake: Statistics, real: Statistics | Moments) -> Uncertainty | None:
    """Return how certain the distance of generated and real images is.

    The images are taken as drawn independently. If only moments of the real images are known, these
    count as exact. The bias falls with the number of images as 1 / n, so that distances of halves
    of the images show it. The largest cost is one decomposition of the smaller of the numbers of
    images and of features, and two of half as many images.

    Returns:
        None for fewer than 20 images of a side.
    """
    y = exact(fake.kept).cpu()
    if isinstance(real, Moments):
        x, centre = _root(exact(real.covariance).cpu()), exact(real.mean).cpu()
    else:
        x, centre = exact(real.kept).cpu(), None
    if len(y) < _FEWEST or (centre is None and len(x) < _FEWEST):
        return None
    value, of_x, of_y = _distance(x, y, centre)
    variance = float(of_y.var()) / fake.count
    if not isinstance(real, Moments):
        variance += float(of_x.var()) / real.count
    return Uncertainty(variance**0.5, _bias(value, x, y, centre, fake.seed, fake.count))


def _bias(
    value: float, x: Tensor, y: Tensor, centre: Tensor | None, seed: int, count: int
) -> float:
    """Return the bias that distances of halves of the images suggest."""
    generator = torch.Generator().manual_seed(seed_of(seed, "fid"))
    parts_y = y[torch.randperm(len(y), generator=generator)].chunk(2)
    shuffled = x[torch.randperm(len(x), generator=generator)].chunk(2)
    parts_x = shuffled if centre is None else (x, x)
    halves = [_distance(a, b, centre)[0] for a, b in zip(parts_x, parts_y, strict=True)]
    kept = len(y) / count  # there may be more images than features that are kept
    return (sum(halves) / 2 - value) * kept


def _distance(x: Tensor, y: Tensor, centre: Tensor | None) -> tuple[float, Tensor, Tensor]:
    """Return the Fréchet distance, and its derivatives by the weights of all images.

    Args:
        x: Features of real images (n, D), or a root of their covariance if ``centre`` is given.
        y: Features of generated images (m, D).
        centre: The mean of the real images' features (D,), if only moments are known.

    Returns:
        The distance, and the influence of each image of x (n,) and of y (m,), each of mean 0 up to
        a constant.
    """
    middle_y = y.mean(0)
    shift = middle_y - (x.mean(0) if centre is None else centre)
    a = x if centre is not None else (x - x.mean(0)) / (len(x) - 1) ** 0.5
    b = (y - middle_y) / (len(y) - 1) ** 0.5
    (q_a, r_a), (q_b, r_b) = torch.linalg.qr(a), torch.linalg.qr(b)
    u, s, vh = torch.linalg.svd(r_a @ r_b.T, full_matrices=False)
    value = float(shift.square().sum() + a.square().sum() + b.square().sum() - 2 * s.sum())
    influences = []
    for sign, part, vectors in ((-1, a, q_a @ u), (1, b, q_b @ vh.T)):
        scale = len(part) - 1
        transported = (vectors.square() * s).sum(1)
        own = part.square().sum(1) - transported
        influences.append(scale * own + 2 * sign * scale**0.5 * (part @ shift))
    return value, influences[0], influences[1]


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()).T
