"""Help and completion know the settings of recipes."""

from typing import Any

import pytest

from crossimage.recipes import described as module
from crossimage.recipes import list_recipes, resolve
from crossimage.recipes.described import Described, describe
from tests.conftest import SMALL

RECIPES = [name for name, _ in list_recipes()]


def _from_config(
    method: str, settings: dict[str, Any], recipe: str, monkeypatch: pytest.MonkeyPatch
) -> list[Described]:
    with monkeypatch.context() as patch:
        patch.setattr(module, "settings_of", lambda method: [])
        return describe(method, settings, recipe)


@pytest.mark.parametrize("method", SMALL)
def test_sources_tell_what_configs_tell(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe(method, {}, method) == _from_config(method, {}, method, monkeypatch)


@pytest.mark.parametrize("recipe", RECIPES)
def test_values_of_recipes_are_those_of_their_configs(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, settings = resolve(recipe)
    expected = _from_config(method, settings, recipe, monkeypatch)
    assert describe(method, settings, recipe) == expected


def test_an_invalid_value_is_explained() -> None:
    with pytest.raises(ValueError, match=r"mine\.yaml: crop.*found 'abc'"):
        describe("munit", {"crop": "abc"}, "mine.yaml")
