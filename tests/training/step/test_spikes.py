"""A warning for losses that explode without ever being infinite."""

import math

import pytest

from crossimage.training.step.spikes import SpikeWatch


def sentences(values: list[float], name: str = "generators/l1") -> list[str]:
    watch = SpikeWatch()
    return [found for value in values if (found := watch.found({name: value}))]


def test_an_exploding_loss_is_reported_once_with_its_numbers() -> None:
    (sentence,) = sentences([0.37, *[0.1] * 40, 317, 37400, 24200, 3300, 100])
    assert "generators/l1 is 317, at most 0.37 before" in sentence and "learning_rate" in sentence


def test_a_critics_loss_explodes_towards_both_signs() -> None:
    assert len(sentences([math.sin(k) for k in range(40)] + [-4000])) == 1


@pytest.mark.parametrize(
    "values",
    [
        [0.1] * 5 + [5000.0] * 40,  # the first rows say little
        [1e-6] * 40 + [90.0],  # small in itself, such as a divergence from 0
        [0.7 * 1.08**k for k in range(100)],  # a discriminator that wins slowly
        [50.0] * 30 + [4900.0],
        [0.0] * 40,
    ],
)
def test_losses_that_only_wander_are_not(values: list[float]) -> None:
    assert not sentences(values)
