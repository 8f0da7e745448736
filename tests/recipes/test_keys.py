"""The settings of methods are known without importing them."""

from pathlib import Path
from typing import Any

import pytest

from crossimage.config import build, keys
from crossimage.methods import METHODS
from crossimage.recipes import resolve
from crossimage.recipes.keys import check_keys, check_values, keys_of
from tests.conftest import SMALL


@pytest.mark.parametrize("method", SMALL)
def test_sources_tell_the_settings_of_every_method(method: str) -> None:
    assert keys_of(method) == list(keys(METHODS[method].Config))


def test_methods_of_other_packages_are_left_to_their_config() -> None:
    assert keys_of("no_such_method") == []
    check_keys("no_such_method", {"anything": 1}, "mine.yaml")


@pytest.mark.parametrize(
    "settings",
    [
        {"widht": 4},
        {"weights": {"cylce": 1}},
        {"cycle": 1},
        {"lr": 1e-4},
        {"discriminator": {"scale": 2}, "batchsize": 1},
        {f"q{number}": number for number in range(7)},
    ],
)
def test_a_wrong_key_gets_the_same_sentence_as_from_the_config(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as ours:
        check_keys("munit", settings, "munit")
    with pytest.raises(ValueError) as theirs:
        build(METHODS["munit"].Config, settings, source="munit")
    assert str(ours.value) == str(theirs.value)


def test_a_misspelt_option_gets_the_option() -> None:
    with pytest.raises(ValueError, match="unknown key 'bugdet'; did you mean '--budget'\\?"):
        check_keys("munit", {"bugdet": "1m"}, "munit", ["--budget", "--finish"])


def test_a_key_that_is_like_no_other_gets_the_command_that_lists_them() -> None:
    with pytest.raises(ValueError, match="`crossimage train munit/outlines --help` lists the set"):
        check_keys("munit", {"qqqqqq": 1}, "munit/outlines")


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("munit", {"weights": {"cycle": 1}, "value_range": {"a": "0,4095"}}),
        ("munit", {"weights": {}}),
        ("munit", {"weights": 3}),  # a wrong value, which the config explains
        ("stargan", {"positive": {"gender": "F"}}),
    ],
)
def test_groups_and_settings_by_letter_or_column_pass(
    method: str, settings: dict[str, Any]
) -> None:
    check_keys(method, settings, method)


def test_a_recipe_that_states_a_setting_twice_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("method: munit\nsteps: 2\nsteps: 3\n")
    with pytest.raises(ValueError, match=r"mine\.yaml: 'steps' is stated twice; keep one"):
        resolve(str(recipe))


@pytest.mark.parametrize("value", [3, "x", [1, 2], True, 0.5])
@pytest.mark.parametrize("method", ["munit", "pix2pix", "stargan_v2"])
def test_a_group_given_a_value_gets_the_same_sentence_as_from_the_config(
    method: str, value: object
) -> None:
    groups = {key.partition(".")[0] for key in keys(METHODS[method].Config) if "." in key}
    for group in groups:
        with pytest.raises(ValueError, match=f"{group} is a group of settings") as ours:
            check_values(method, method, {group: value})
        with pytest.raises(ValueError) as theirs:
            build(METHODS[method].Config, {group: value}, source=method)
        assert str(ours.value) == str(theirs.value)
