"""The probability of augmentation follows the overfitting of discriminators."""

import pytest
import torch

from crossimage.networks.augmentation.strength import TARGET, Strength


def after(
    signs: float, steps: int, images: int = 100, strength: Strength | None = None
) -> Strength:
    strength = strength or Strength(images, "cpu")
    for _ in range(steps):
        strength.adapt(torch.tensor(signs), 4)
    return strength


def test_it_rises_with_scores_of_real_images_that_are_nearly_all_right() -> None:
    strength = after(1.0, 200)
    assert strength.overfitting == pytest.approx(1.0, abs=0.05)
    assert strength.probability == 1


def test_it_stays_0_while_discriminators_are_unsure() -> None:
    assert after(0.4, 200).probability == 0


def test_it_falls_again() -> None:
    strength = after(1.0, 200)
    assert after(0.0, 200, strength=strength).probability == 0


def test_it_changes_by_1_within_the_given_images() -> None:
    strength = Strength(100, "cpu")
    strength.overfitting = torch.tensor(1.0)
    assert after(1.0, 10, strength=strength).probability == pytest.approx(0.4)


def test_it_moves_towards_the_target() -> None:
    """Discriminators here are less sure, the more their images are augmented."""
    strength = Strength(2000, "cpu")
    for _ in range(3000):
        strength.adapt(1.0 - 0.8 * strength.probability, 4)
    assert strength.overfitting == pytest.approx(TARGET, abs=0.05)
    assert strength.probability == pytest.approx(0.5, abs=0.1)


def test_a_continued_one_is_the_same_to_the_last_bit() -> None:
    strength = after(0.9, 120)
    other = Strength(100, "cpu")
    other.restore(strength.state())
    for one in (strength, other):
        after(0.7, 9, strength=one)
    assert torch.equal(strength.probability, other.probability)
    assert torch.equal(strength.overfitting, other.overfitting)
