"""Ablations: lists of trainings, what differs between them, and their folders."""

from pathlib import Path
from typing import Any

import pytest

from crossimage.config import build
from crossimage.methods import METHODS
from crossimage.recipes import resolve
from crossimage.training.ablations import (
    Variant,
    check_variants,
    find_variants,
    lists,
    train_variant,
)
from crossimage.training.listener import Listener


def test_the_lists_of_the_package_can_be_trained() -> None:
    assert "munit-table-1" in lists()
    for name in lists():
        variants = find_variants([name])
        assert len({variant.folder for variant in variants}) == len(variants)
        for variant in variants:
            method, settings = resolve(variant.recipe)
            build(METHODS[method].Config, settings, variant.settings)


def test_munits_table_leaves_out_one_reconstruction_at_a_time() -> None:
    variants = {variant.name: variant for variant in find_variants(["munit-table-1"])}
    for part in ("image", "content", "style"):
        variant = variants[f"MUNIT without {part} reconstruction"]
        assert variant.settings == {"weights": {part: 0}}
        assert variant.folder == f"munit-without-{part}-reconstruction"
    assert variants["CycleGAN*"].folder == "cyclegan-star"


def test_recipes_and_own_lists_stand_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("- {name: Small, recipe: munit, settings: {width: 8}}\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("method: unit\nwidth: 8\n")
    variants = find_variants(["munit/outlines", str(path), str(recipe)])
    assert [variant.recipe for variant in variants] == ["munit/outlines", "munit", str(recipe)]
    assert variants[0].folder == "munit-outlines" and variants[1].settings == {"width": 8}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- {name: A}", r"mine\.yaml: 0\.recipe: Field required; expected a list of trainings"),
        ("- {name: A, recipe: munit, x: 1}", "0.x: Extra inputs"),
        ("- {name: A, recipe: munot}", "did you mean 'munit'"),
        (
            "- {name: A, recipe: munit}\n- {name: a, recipe: unit}",
            "give every training a different name",
        ),
        ("- {name: [", "is not a YAML file"),
        ("just words", "expected a list of trainings"),
    ],
)
def test_bad_lists_are_refused_in_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        find_variants([str(path)])


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean"):
        find_variants(["munit-table-2"])
    with pytest.raises(FileNotFoundError, match="none.yaml"):
        find_variants([str(tmp_path / "none.yaml")])
    with pytest.raises(ValueError, match="nothing to train"):
        find_variants([])


def test_settings_of_all_variants_are_checked_before_the_first_is_trained() -> None:
    variants = find_variants(["munit-table-1"])
    check_variants(variants, {"steps": 10})
    with pytest.raises(ValueError, match="bicyclegan/edges2shoes: crop must be a multiple of 256"):
        check_variants(variants, {"resize": 64, "crop": 64})


def test_settings_for_all_win_over_those_of_a_variant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        "crossimage.training.run.run_training",
        lambda *arguments, listener, validator: calls.append(arguments),
    )
    variants = [
        Variant("One", "munit", {"weights": {"image": 0}, "epochs": 5}),
        Variant("Two", "unit"),
    ]
    overrides = {"steps": 7, "weights": {"style": 2}}
    for variant in variants:
        train_variant(variant, "D", tmp_path, overrides, Listener())
    settings = {"weights": {"image": 0, "style": 2}, "steps": 7, "epochs": 0}
    assert calls == [
        ("munit", "D", tmp_path / "one", settings),
        ("unit", "D", tmp_path / "two", overrides | {"epochs": 0}),
    ]


def test_of_two_lengths_that_of_all_applies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(
        "crossimage.training.run.run_training",
        lambda recipe, data, out, settings, **_: calls.append(settings),
    )
    variant = Variant("Sketches", "sketch_to_photo", {"shape_epochs": 5, "decay_epochs": 2})
    overrides = {"shape_steps": 100, "decay_steps": 50}
    train_variant(variant, "D", tmp_path, overrides, Listener())
    config = build(METHODS["sketch_to_photo"].Config, *calls, source="the variant")
    assert (config.shape_steps, config.shape_epochs) == (100, 0)
    assert (config.decay_steps, config.decay_epochs) == (50, 0)
