from pathlib import Path

from crossimage.data.sources.pairs import advise_unpaired
from crossimage.doctor.suitable_recipes import find_suitable_recipes
from tests.data.make.test_photo_pairs import photos
from tests.data.make.test_split import save, smooth
from tests.doctor.helpers import domains


def names(data: Path) -> list[str]:
    return [recipe.name for recipe in find_suitable_recipes(str(data))]


def test_two_domains_fit_methods_without_pairs_but_not_those_with(tmp_path: Path) -> None:
    recipes = names(domains(tmp_path))
    assert {"munit", "cyclegan/outlines"} <= set(recipes)
    for name in ("munit/photos_small", "cyclegan/photos_small", "cut"):
        assert name in recipes and name in advise_unpaired(str(tmp_path))
    assert not any(name.startswith(("pix2pix", "srgan", "gan", "sincut")) for name in recipes)
    assert "munit/edges2shoes" not in recipes


def test_recipes_that_name_the_domains_come_first(tmp_path: Path) -> None:
    for name in ("edges", "shoes"):
        photos(tmp_path, [f"train/{name}/{number}.png" for number in range(3)], (64, 64))
    recipes = find_suitable_recipes(str(tmp_path))
    assert recipes[0].name.endswith("edges2shoes_small")
    assert recipes[0].named and recipes[0].small
    assert {f.name for f in recipes if f.named} >= {"pix2pix/edges2shoes", "munit/edges2shoes"}


def test_small_recipes_for_any_pairs_come_before_others(tmp_path: Path) -> None:
    photos(tmp_path, [f"train{x}/{number}.png" for x in "AB" for number in range(3)], (64, 64))
    assert "pix2pix/pairs_small" in names(tmp_path)[:4]


def test_names_that_training_takes_for_those_of_a_recipe_count_as_its_names(tmp_path: Path) -> None:
    files = [f"train/{name}/{number}.png" for name in ("Photos", "labels") for number in range(3)]
    photos(tmp_path, files, (64, 64))
    assert find_suitable_recipes(str(tmp_path))[0].name == "pix2pix/facades_small"


def test_one_folder_fits_methods_of_one_folder(tmp_path: Path) -> None:
    photos(tmp_path, ["1.png", "2.png", "3.png"], (64, 64))
    recipes = set(names(tmp_path))
    assert {"srgan/x4_small", "gan"} <= recipes
    assert not any(name.startswith(("munit", "pix2pix")) for name in recipes)


def test_a_single_image_per_domain_fits_sincut_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "train" / name / "1.png", smooth(1, 300))
    assert {name.partition("/")[0] for name in names(tmp_path)} == {"sincut"}


def test_side_by_side_pairs_fit_methods_of_pairs(tmp_path: Path) -> None:
    photos(tmp_path, [f"train/{number}.png" for number in range(3)], (32, 64))
    assert names(tmp_path)[0] == "pix2pix/pairs_small"
