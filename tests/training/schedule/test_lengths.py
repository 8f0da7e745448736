"""Schedules that follow the number of steps."""

import pytest

from crossimage.config import build
from crossimage.methods import METHODS
from crossimage.recipes import list_recipes, resolve
from crossimage.training.schedule.learning_rate import decayed_learning_rate
from crossimage.training.schedule.lengths import finishing, lengths, scaled, starts
from tests.test_invariants import STAGES

RECIPES = [name for name, _ in list_recipes()]


def config_of(recipe: str):  # type: ignore[no-untyped-def]
    """A recipe's config, with an epoch of 1,000 images."""
    method, settings = resolve(recipe)
    return build(METHODS[method].Config, settings).in_steps(1000)


def test_every_setting_that_ends_a_stage_is_part_of_the_schedule() -> None:
    for method in METHODS.values():
        known = {key for key in STAGES if hasattr(method.Config, key)}
        assert known <= set(method.Config.stages)
        assert all(hasattr(method.Config, key) for key in method.Config.stages)


@pytest.mark.parametrize("steps", [7, 850, 50_000])
@pytest.mark.parametrize("recipe", RECIPES)
def test_all_lengths_keep_their_shares_of_the_run(recipe: str, steps: int) -> None:
    before = config_of(recipe)
    after = scaled(before, steps)
    assert after.steps == steps
    for key, length in lengths(before).items():
        new = getattr(after, key)
        assert (new > 0) == (length > 0), key
        assert abs(new - length * steps / before.steps) <= 1, key
        if key in before.stages and length:
            assert (new < steps) == (length < before.steps), key
    if before.decay_steps:
        assert (
            decayed_learning_rate(1.0, after, steps)
            == 0
            < decayed_learning_rate(1.0, after, steps - 1)
        )


def test_a_run_of_the_same_length_keeps_its_schedule() -> None:
    for recipe in RECIPES:
        before = config_of(recipe)
        assert scaled(before, before.steps) == before


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_rate_falls_from_where_it_is_to_0_at_the_chosen_end(recipe: str, share: float) -> None:
    before = config_of(recipe)
    step = int(before.steps * share)
    left = max(3, (before.steps - step) // 3)
    after = finishing(before, step, left)
    assert after.steps == step + left
    now = decayed_learning_rate(1.0, before, step)
    assert decayed_learning_rate(1.0, after, step) == pytest.approx(now, rel=0.02)
    assert decayed_learning_rate(1.0, after, step + left) == 0
    rates = [decayed_learning_rate(1.0, after, at) for at in range(step, step + left)]
    assert rates == sorted(rates, reverse=True) and rates[-1] > 0
    for key in before.stages:
        old, new = getattr(before, key), getattr(after, key)
        if old <= step:
            assert new == old
        else:
            assert (step < new < after.steps) == (old < before.steps)


def test_stages_that_are_to_come_are_started_from() -> None:
    config = build(METHODS["srgan"].Config, {"steps": 100, "mse_steps": 80})
    assert starts(config, 0) == [0, 80] and starts(config, 80) == [80]
    alone = build(METHODS["srgan"].Config, {"steps": 100, "mse_steps": 100})
    assert starts(alone, 0) == [0]
