"""The interval of FID is as wide as FID varies from draw to draw, which a bootstrap's is not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from crossimage.evaluation.galleries.moments import Moments, read_moments
from crossimage.evaluation.metrics.distribution import fid
from crossimage.evaluation.metrics.fid_error import Uncertainty, uncertainty
from crossimage.evaluation.metrics.statistics import RESERVOIR, Statistics
from tests.evaluation.features import DIM, FEATURES, images, statistics_from


def drawn(count: int, generator: torch.Generator, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    spread = torch.linspace(2, 0.1, DIM) * scale
    return (torch.randn(count, DIM, generator=generator) * spread).relu() + shift


def of(features: Tensor) -> Statistics:
    """Statistics of given features."""
    state = Statistics(FEATURES).state()
    exact = features.double()
    state |= {"total": exact.sum(0), "outer": exact.T @ exact, "kept": features[:RESERVOIR]}
    return Statistics.from_state(state | {"count": torch.tensor(len(features))}, FEATURES, 0)


def known(fake: Statistics, real: Statistics | Moments) -> Uncertainty:
    found = uncertainty(fake, real)
    assert found is not None
    return found


@pytest.mark.parametrize("shift", [0.0, 0.4])
@pytest.mark.parametrize("count, slack", [(400, 1.3), (30, 1.7)])
def test_the_error_is_the_spread_over_draws(count: int, slack: float, shift: float) -> None:
    generator = torch.Generator().manual_seed(0)
    values, errors = [], []
    for _ in range(60):
        fake = of(drawn(count, generator, 1.3, shift))
        real = of(drawn(count, generator))
        values.append(fid(fake, real).value)
        errors.append(known(fake, real).error)
    spread, error = np.std(values, ddof=1), np.mean(errors)
    # a standard deviation of 60 draws is itself known to some 20 %; few images err to the safe side
    assert spread / 1.25 < error < spread * slack


def test_the_bias_is_what_more_images_take_away() -> None:
    generator = torch.Generator().manual_seed(1)
    few, biases = [], []
    for _ in range(20):
        fake, real = of(drawn(100, generator, 1.3)), of(drawn(100, generator))
        few.append(fid(fake, real).value)
        biases.append(known(fake, real).bias)
    truth = fid(of(drawn(40_000, generator, 1.3)), of(drawn(40_000, generator))).value
    assert np.mean(few) > 1.2 * truth
    assert np.mean(few) - np.mean(biases) == pytest.approx(truth, rel=0.1)


def test_real_images_known_by_their_moments_count_as_exact(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(2)
    fake, real = of(drawn(300, generator, 1.3, 0.2)), of(drawn(100_000, generator))
    np.savez(tmp_path / "real.npz", mu=real.mean.numpy(), sigma=real.covariance.numpy())
    moments = read_moments(tmp_path / "real.npz")
    by_images = known(fake, real).error
    assert known(fake, moments).error == pytest.approx(by_images, rel=0.05)
    assert "takes the statistics of the real images as exact" in fid(fake, moments).note


def test_fid_has_an_interval_around_its_value_and_states_its_bias() -> None:
    figure = fid(statistics_from(images(300, 1)), statistics_from(images(200, 2, shift=20)))
    assert figure.interval is not None
    low, high = figure.interval
    assert 0 < low < figure.value < high
    assert figure.value - low == pytest.approx(high - figure.value)
    assert "biased upwards by about" in figure.note


def test_fewer_than_twenty_images_have_no_interval() -> None:
    assert fid(statistics_from(images(19, 1)), statistics_from(images(200, 2))).interval is None
    assert fid(statistics_from(images(200, 1)), statistics_from(images(19, 2))).interval is None
