"""Folder names win over a recipe's, and a direction is never guessed."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from crossimage.data.build import Source, find_source
from tests.data.helpers import PLAIN, touch


def made(root: Path, *folders: str, count: int = 2) -> str:
    touch(*(root / folder / f"{n}.png" for folder in folders for n in range(count)))
    return str(root)


def find(data: object, names: str, layout: str = "unpaired", **options: object) -> Source:
    rules = options.pop("rules", 3)
    config = replace(PLAIN, domains=tuple(names.split(",")), data_rules=rules)
    return find_source(data, config, layout, **options)  # type: ignore[arg-type]


def roots(source: Source) -> dict[str, str]:
    return {domain.name: domain.train_root.name for domain in source.domains}


LAYOUTS = ["", "train/"]


@pytest.mark.parametrize("below", LAYOUTS)
def test_a_recipe_with_a_direction_asks_and_its_advice_works(tmp_path: Path, below: str) -> None:
    data = made(tmp_path / "my data", f"{below}cats", f"{below}dogs")
    with pytest.raises(ValueError, match="cats and dogs, and no 'photo'") as refused:
        find(data, "photo,label", "paired")
    (command,) = re.findall(r"--data ('[^']*')", str(refused.value))
    (given,) = shlex.split(command)
    source = find(given, "photo,label", "paired")
    assert roots(source) == {"photo": "cats", "label": "dogs"}


@pytest.mark.parametrize("below", LAYOUTS)
def test_other_recipes_take_the_names_of_the_folders_and_say_so(tmp_path: Path, below: str) -> None:
    data = made(tmp_path, f"{below}cats", f"{below}dogs")
    source = find(data, "horse,zebra", flexible=True)
    assert roots(source) == {"cats": "cats", "dogs": "dogs"}
    assert "called cats and dogs as in the data, not horse and zebra" in source.notes[0]
    named = find(f"dogs={tmp_path / below / 'cats'},cats={tmp_path / below / 'dogs'}",
                 "horse,zebra", flexible=True)  # fmt: skip
    assert roots(named) == {"dogs": "cats", "cats": "dogs"}


@pytest.mark.parametrize(
    "folders", [("labels", "photos"), ("Label", "Photo"), ("LABELS", "photo"), ("_label", "photo")]
)
def test_variants_of_the_names_count_and_are_said(tmp_path: Path, folders: tuple[str, str]) -> None:
    source = find(made(tmp_path, *folders), "photo,label", "paired")
    assert roots(source) == {"photo": folders[1], "label": folders[0]}
    assert f"label is {folders[0]}" in source.notes[0]


def test_ambiguous_variants_are_refused(tmp_path: Path) -> None:
    data = made(tmp_path, "photo-s", "photos")
    with pytest.raises(ValueError, match="no 'photo'"):
        find(data, "photo,label", "paired")


def test_names_are_equal_in_any_unicode_form(tmp_path: Path) -> None:
    source = find(made(tmp_path, "cafe\u0301", "猫"), "猫,café", "paired")
    assert roots(source) == {"猫": "猫", "café": "cafe\u0301"}


def test_letters_and_halves_are_named_in_order_and_it_is_said(tmp_path: Path) -> None:
    source = find(made(tmp_path / "1", "trainA", "trainB"), "photo,label", "paired")
    assert source.notes[0] == "assumed from the order: photo is trainA and label is trainB"
    source = find(made(tmp_path / "2", "train/A", "train/B"), "photo,label", "paired")
    assert roots(source) == {"photo": "A", "label": "B"}
    source = find(made(tmp_path / "3", "A", "B"), "photo,label", "paired")
    assert source.notes[0] == "assumed from the order: photo is A and label is B"


def test_without_names_the_alphabetical_order_is_said(tmp_path: Path) -> None:
    config = replace(PLAIN, domains=())
    notes = find_source(made(tmp_path, "photos", "labels"), config, "paired").notes
    assert "alphabetical order, labels and photos; domains=photos,labels" in notes[0]
    typed = {name: [str(tmp_path / name)] for name in ("labels", "photos")}
    notes = find_source(typed, config, "paired").notes
    assert not any("alphabetical" in note for note in notes)  # the order was chosen
    other = find(str(tmp_path), "photos,labels", "paired")
    assert roots(other) == {"photos": "photos", "labels": "labels"}


def test_three_folders_for_two_domains_are_a_choice(tmp_path: Path) -> None:
    data = made(tmp_path, "cats", "dogs", "owls")
    with pytest.raises(ValueError, match=r"3 domains \(cats, dogs, owls\).*domains=cats,dogs"):
        find(data, "horse,zebra", flexible=True)
    assert list(roots(find(data, "owls,cats", flexible=True))) == ["owls", "cats"]


def test_one_known_name_of_two_is_kept_in_the_advice(tmp_path: Path) -> None:
    data = made(tmp_path, "aerial", "map")
    with pytest.raises(ValueError, match=r"photo=\S+aerial,map=\S+map$"):
        find(data, "photo,map", "paired")


def test_earlier_runs_keep_the_alphabetical_order(tmp_path: Path) -> None:
    data = made(tmp_path, "train/labels", "train/photos")
    source = find(data, "photo,label", "paired", rules=2)
    assert roots(source) == {"photo": "labels", "label": "photos"}
