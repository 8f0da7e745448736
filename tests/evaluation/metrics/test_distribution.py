"""FID, KID and IS agree with torch-fidelity and torchmetrics on the same features."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance

from crossimage.evaluation.galleries.moments import read_moments
from crossimage.evaluation.metrics import distribution, statistics
from crossimage.evaluation.metrics.distribution import (
    Statistics,
    fid,
    inception_score,
    kid,
)
from crossimage.evaluation.networks.open import open_features
from tests.evaluation.features import CPU, DIM, FEATURES, images, statistics_from


def seen(x: Tensor) -> Tensor:
    return FEATURES(x).features


def test_fid_agrees_with_torch_fidelity_and_torchmetrics() -> None:
    x, y = images(300, 1), images(200, 2, shift=20)
    found = fid(statistics_from(x), statistics_from(y))
    theirs = fid_statistics_to_metric(
        *(fid_features_to_statistics(seen(side).double()) for side in (x, y)), verbose=False
    )
    assert found.value == pytest.approx(theirs["frechet_inception_distance"], rel=1e-9)
    identity = nn.Identity()
    identity.num_features = DIM
    metric = FrechetInceptionDistance(feature=identity)
    metric.update(seen(x).double(), real=False)
    metric.update(seen(y).double(), real=True)
    assert found.value == pytest.approx(float(metric.compute()), rel=1e-9)
    assert found.value > 0.1
    assert found.interval is not None and found.interval[0] < found.value < found.interval[1]


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_fid_from_statistics_of_real_images_is_that_from_the_images(
    precision: Any, tmp_path: Path
) -> None:
    x, y = images(300, 1), images(200, 2, shift=20)
    features = seen(y).double().numpy()  # statistics as clean-fid and pytorch-fid compute them
    mu, sigma = features.mean(0).astype(precision), np.cov(features, rowvar=False).astype(precision)
    np.savez(tmp_path / "real.npz", mu=mu, sigma=sigma)
    found = fid(statistics_from(x), read_moments(tmp_path / "real.npz"))
    exact = fid(statistics_from(x), statistics_from(y))
    assert found.value == pytest.approx(exact.value, rel=1e-9 if precision is np.float64 else 1e-5)
    assert "300 generated images and the statistics of real images in real.npz" in found.protocol


def test_kid_agrees_with_torch_fidelity() -> None:
    x, y = images(150, 1), images(150, 2, shift=20)
    theirs = kid_features_to_metric(
        seen(y).double(), seen(x).double(), kid_subsets=1, kid_subset_size=150, verbose=False
    )
    found = kid(statistics_from(x), statistics_from(y))
    assert found.value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert found.interval is None  # all subsets are the same
    assert "kernel, all 150 generated and 150 real images" in found.protocol
    assert found.note == "too few images for subsets of 1000"


def test_kid_over_subsets_agrees_with_torch_fidelity_within_chance(monkeypatch) -> None:
    monkeypatch.setattr(distribution, "SUBSET", 100)
    x, y = images(400, 1), images(300, 2, shift=20)
    theirs = kid_features_to_metric(
        seen(y).double(), seen(x).double(), kid_subsets=100, kid_subset_size=100, verbose=False
    )
    found = kid(statistics_from(x), statistics_from(y))
    spread = theirs["kernel_inception_distance_std"]
    assert abs(found.value - theirs["kernel_inception_distance_mean"]) < spread / 2
    assert "mean over 100 subsets of 100 of 400 generated" in found.protocol
    assert found.interval is not None
    low, high = found.interval
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.3)
    assert low < found.value < high


def test_inception_score_agrees_with_torch_fidelity() -> None:
    x = images(1003, 1)
    gathered = statistics_from(x)
    _, splits = Statistics(FEATURES)._draw(len(x))
    assert gathered.sizes.max() - gathered.sizes.min() <= 1
    logits = FEATURES(x).logits.double()
    theirs = [
        isc_features_to_metric(logits[splits == k], splits=1, shuffle=False) for k in range(10)
    ]
    scores = [each["inception_score_mean"] for each in theirs]
    found = inception_score(gathered)
    assert found.value == pytest.approx(np.mean(scores), rel=1e-9)
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    assert f"{np.std(scores):.2g}" in found.note


def test_inception_score_of_few_images_is_of_all_together() -> None:
    x = images(60, 1)
    theirs = isc_features_to_metric(FEATURES(x).logits, splits=1)
    found = inception_score(statistics_from(x))
    assert found.value == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert "one split instead of 10" in found.note


def test_equal_sets_have_no_distance() -> None:
    x = images(100, 1)
    assert fid(statistics_from(x), statistics_from(x)).value == pytest.approx(0, abs=1e-4)
    assert kid(statistics_from(x), statistics_from(x)).value < 0.01


def test_figures_of_one_seed_agree_exactly(monkeypatch) -> None:
    monkeypatch.setattr(statistics, "RESERVOIR", 50)

    def figures(seed: int) -> list[float]:
        fake = statistics_from(images(120, 1), seed=seed)
        real = statistics_from(images(130, 2), seed=seed)
        return [kid(fake, real).value, fid(fake, real).value, inception_score(fake).value]

    assert figures(3) == figures(3)
    assert figures(3)[0] != figures(4)[0]


def test_fewer_images_than_features_are_noted() -> None:
    few, many = statistics_from(images(20, 1)), statistics_from(images(100, 2))
    assert "rank-deficient: 20 images for 24 features" in fid(few, many).note
    assert "rank-deficient" not in fid(many, many).note


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_images_are_an_error(count: int) -> None:
    few, many = statistics_from(images(count, 1)), statistics_from(images(9, 2))
    with pytest.raises(ValueError, match=f"FID needs at least 2 generated images, found {count}"):
        fid(few, many)
    with pytest.raises(ValueError, match=f"KID needs at least 2 real images, found {count}"):
        kid(many, few)
    with pytest.raises(ValueError, match="IS needs at least 2 generated images"):
        inception_score(few)


def test_figures_tell_how_they_came_about() -> None:
    features = open_features("random", CPU)
    sides = []
    for seed in (1, 2):
        sides.append(Statistics(features, seed=5))
        sides[-1].update(images(12, seed))
    for figure in (fid(*sides), kid(*sides), inception_score(sides[0])):
        assert figure.count == 12
        assert not figure.comparable
        assert "of a small network of random" in figure.protocol
        assert "random" not in figure.note and "comparable" not in figure.note
        assert "12" in figure.protocol
        assert "torch " in figure.library
    assert "torchmetrics" in fid(*sides).library
    assert kid(*sides).seed == 5
    assert fid(*sides).seed is None
