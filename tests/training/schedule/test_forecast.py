"""How long a run will take."""

import pytest

from crossimage.recipes import list_recipes
from crossimage.training.schedule.forecast import forecast, shorter


def test_only_a_long_run_is_forecast_with_a_shorter_one() -> None:
    told = forecast("this CPU", "`munit/photos_small` takes 20 minutes")
    assert told(1_000_000, 4.32) == (
        "1,000,000 steps will take about 50 days on this CPU; `munit/photos_small` takes 20 minutes"
    )
    assert told(700, 1.0) is None
    assert forecast("this GPU", None)(100_000, 0.1) == (
        "100,000 steps will take about 3 hours on this GPU"
    )


@pytest.mark.parametrize("recipe", [name for name, _ in list_recipes()])
def test_a_shorter_recipe_is_a_small_one_of_the_same_method(recipe: str) -> None:
    method, texts = recipe.partition("/")[0], dict(list_recipes())
    small = [
        name
        for name, text in texts.items()
        if name.startswith(f"{method}/") and text.startswith("Small: ")
    ]
    name = shorter(recipe, method).split("`")[1]
    assert (name == "--budget 20m") if recipe in small or not small else name in small


@pytest.mark.parametrize(
    ("recipe", "clause"),
    [
        ("bicyclegan/edges2shoes", "`bicyclegan/edges2shoes_small` takes a quarter of an hour"),
        ("munit/summer2winter_yosemite", "`munit/photos_small` takes 5 to 6 minutes"),
        ("unit_da/usps2mnist", "`unit_da/usps2mnist_small` takes about a quarter of an hour"),
        ("unit_da/usps2mnist_augmented", "`unit_da/usps2mnist_small` takes about a quarter of"),
        ("cyclegan/photos_small", "a new run with `--budget 20m` takes 20 minutes"),
        ("regression", "a new run with `--budget 20m` takes 20 minutes"),
    ],
)
def test_a_recipe_of_a_like_name_is_preferred_and_without_one_a_budget(
    recipe: str, clause: str
) -> None:
    assert shorter(recipe, recipe.partition("/")[0]).startswith(clause)
