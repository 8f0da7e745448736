"""Outputs that belong to other targets than their own are told from those that don't."""

from pathlib import Path

import pytest
import torch

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.pair_check import PairCheck
from tests.evaluation.helpers import setup


def check(outputs: torch.Tensor, targets: torch.Tensor) -> str | None:
    checked = PairCheck(setup(None))  # type: ignore[arg-type]
    for number, (output, target) in enumerate(zip(outputs, targets, strict=True)):
        checked.update(GalleryItem(str(number), output[None], None, target, Path("x")))
    return checked.warning()


def scenes(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator)
    return (torch.nn.functional.interpolate(coarse, (24, 30)) * 255).byte()


@pytest.mark.parametrize("count", [8, 40])
def test_true_pairs_are_known_through_strong_noise(count: int) -> None:
    targets = scenes(count, 1)
    noise = torch.randint(0, 256, targets.shape, generator=torch.Generator().manual_seed(3))
    assert check(((targets.int() + 2 * noise) // 3).byte(), targets) is None


@pytest.mark.parametrize("count", [8, 40])
def test_other_images_of_equal_names_are_not_pairs(count: int) -> None:
    targets = scenes(count, 1)
    for outputs in (scenes(count, 2), targets.roll(1, 0)):
        assert "by chance in 50%: the images are not pairs" in str(check(outputs, targets))
    assert "in 50% of cases" in str(
        check(targets[:1].expand_as(targets), targets[:1].expand_as(targets))
    )


def test_few_pairs_are_not_judged() -> None:
    assert check(scenes(7, 1), scenes(7, 2)) is None
