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
    method, small = recipe.partition("/")[0], dict(list_recipes())
    clause = shorter(recipe, method)
    if clause is None:
        assert small[recipe].startswith("Small: ") or not any(
            name.startswith(f"{method}/") and text.startswith("Small: ")
            for name, text in small.items()
        )
    else:
        name = clause.split("`")[1]
        assert name.startswith(f"{method}/") and small[name].startswith("Small: ")


def test_a_recipe_of_the_same_name_is_preferred() -> None:
    clause = shorter("bicyclegan/edges2shoes", "bicyclegan")
    assert clause == "`bicyclegan/edges2shoes_small` takes a quarter of an hour"


def test_a_method_without_recipes_has_no_shorter_one() -> None:
    assert shorter("regression", "regression") is None
