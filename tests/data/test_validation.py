"""Validation images are apart from training and test images, whatever the layout."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crossimage.config import Config, Layout
from crossimage.data.build import Source, find_source
from crossimage.data.sources.folders import Domain
from crossimage.labels import LabelledConfig
from tests.data.helpers import noise, save


def write(folder: Path, count: int, seed: int = 0) -> None:
    for number in range(count):
        save(folder / f"{number}.png", noise(1000 * seed + number, 8, 8))


def found(data: Path, layout: Layout = "unpaired", **settings: Any) -> Source:
    kind = LabelledConfig if layout in ("labelled", "classes") else Config
    return find_source(str(data), kind(evaluate_every=5, **settings), layout)


def names(domains: Sequence[Domain], split: str) -> list[set[str]]:
    return [{path.name for path in getattr(domain, split)} for domain in domains]


def check_apart(source: Source) -> None:
    for domain, own in zip(source.domains, source.validation, strict=True):
        groups = [set(domain.train), set(domain.test), set(own.test)]
        assert groups[2], "no validation images"
        assert len(set.union(*groups)) == sum(map(len, groups))


def test_a_tenth_is_taken_after_the_test_images_which_stay_the_same(tmp_path: Path) -> None:
    write(tmp_path / "cats", 40, 1)
    write(tmp_path / "dogs", 20, 2)
    source = found(tmp_path)
    check_apart(source)
    without = find_source(str(tmp_path), Config())
    assert names(source.domains, "test") == names(without.domains, "test")
    assert [len(domain.train) for domain in source.domains] == [33, 17]
    assert [len(domain.test) for domain in source.validation] == [3, 1]
    (note,) = [note for note in source.notes if note.startswith("for validation")]
    assert note.startswith("for validation: 3 of 36 training images of cats, 1 of 18 ")


def test_without_evaluations_nothing_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "cats", 20, 1)
    write(tmp_path / "dogs", 20, 2)
    source = find_source(str(tmp_path), Config())
    assert source.validation == () and [len(d.train) for d in source.domains] == [18, 18]


@pytest.mark.parametrize("pattern", ["{split}{letter}", "{split}/{name}", "{name}/{split}"])
@pytest.mark.parametrize("word", ["val", "valid"])
def test_a_folder_beside_test_images_is_used(tmp_path: Path, pattern: str, word: str) -> None:
    for seed, (letter, name) in enumerate((("A", "cats"), ("B", "dogs"))):
        for number, (split, count) in enumerate((("train", 6), (word, 3), ("test", 2))):
            below = pattern.format(split=split, letter=letter, name=name)
            write(tmp_path / below, count, 10 * seed + number)
    source = found(tmp_path)
    check_apart(source)
    assert [len(domain.train) for domain in source.domains] == [6, 6]
    assert [len(domain.test) for domain in source.domains] == [2, 2]
    assert [len(domain.test) for domain in source.validation] == [3, 3]
    assert not any(domain.left_out for domain in source.domains)
    assert word in next(note for note in source.notes if note.startswith("for validation"))
    without = find_source(str(tmp_path), Config())
    assert any(domain.left_out for domain in without.domains)  # and says so


def test_validation_images_that_stand_in_for_test_images_do_not_choose(tmp_path: Path) -> None:
    for seed, letter in enumerate("AB"):
        write(tmp_path / f"train{letter}", 20, seed)
        write(tmp_path / f"val{letter}", 4, 10 + seed)
    source = found(tmp_path)
    check_apart(source)
    assert [domain.test_from for domain in source.domains] == [
        "valA, in place of test images", "valB, in place of test images"
    ]  # fmt: skip
    assert [len(domain.test) for domain in source.validation] == [2, 2]
    assert {path.parent.name for path in source.validation[0].test} == {"trainA"}


def test_pairs_stay_together(tmp_path: Path) -> None:
    for seed, letter in enumerate("AB"):
        write(tmp_path / f"train{letter}", 20, seed)
        write(tmp_path / f"test{letter}", 2, 10 + seed)
    source = found(tmp_path, "paired")
    check_apart(source)
    a, b = names(source.validation, "test")
    assert a == b and len(a) == 2


def test_given_pairs_are_aligned(tmp_path: Path) -> None:
    for seed, letter in enumerate("AB"):
        for number, (split, count) in enumerate((("train", 6), ("val", 3), ("test", 2))):
            write(tmp_path / f"{split}{letter}", count, 10 * seed + number)
    source = found(tmp_path, "paired")
    rows = zip(*(domain.test for domain in source.validation), strict=True)
    assert [a.name == b.name for a, b in rows] == [True] * 3
    (tmp_path / "valB" / "0.png").unlink()
    with pytest.raises(ValueError, match=r"valA/0\.png has no partner"):
        found(tmp_path, "paired")


def test_copies_of_a_validation_image_are_not_trained_on(tmp_path: Path) -> None:
    for seed, letter in enumerate("AB"):
        write(tmp_path / f"train{letter}", 20, seed)
        write(tmp_path / f"test{letter}", 2, 10 + seed)
        for path in sorted((tmp_path / f"train{letter}").iterdir()):
            path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    source = found(tmp_path)
    for domain, own in zip(source.domains, source.validation, strict=True):
        trained = {path.read_bytes() for path in domain.train}
        assert own.test and not trained & {path.read_bytes() for path in own.test}


def test_every_class_has_validation_images_and_keeps_its_labels(tmp_path: Path) -> None:
    for seed, name in enumerate("xyz"):
        write(tmp_path / "train" / name, 20, seed)
        write(tmp_path / "test" / name, 2, 10 + seed)
    source = found(tmp_path, "labelled")
    check_apart(source)
    (own,) = source.validation
    assert [len(own.of_class(name, "test")) for name in "xyz"] == [2, 2, 2]  # type: ignore[attr-defined]


def test_images_to_generate_from_are_held_out_too(tmp_path: Path) -> None:
    write(tmp_path, 30)
    source = found(tmp_path, "single")
    check_apart(source)
    assert (len(source.domains[0].train), len(source.validation[0].test)) == (27, 3)


def test_too_few_images_are_refused_with_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "cats", 20, 1)
    write(tmp_path / "dogs", 5, 2)
    with pytest.raises(ValueError, match="dogs has only 5 training images.*or a folder val beside"):
        found(tmp_path)
