"""A tenth of the images is held out by content, in every layout."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from crossimage.config import Config
from crossimage.data.build import Source, find_source
from crossimage.data.holdout import choose_held_out
from crossimage.labels import ClassPairsConfig, LabelledConfig
from tests.data.helpers import PLAIN, noise, save


def write(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Write images of different contents."""
    paths = [folder / f"{number:03}.png" for number in range(count)]
    for number, path in enumerate(paths):
        save(path, noise(seed * 10_000 + number, 8, 8))
    return paths


def unpaired(data: object, **changes: object) -> Source:
    return find_source(data, replace(PLAIN, **changes))  # type: ignore[arg-type]


def held_names(source: Source) -> list[set[str]]:
    return [{path.name for path in domain.test} for domain in source.domains]


@pytest.mark.parametrize(
    ("count", "held"), [(1, 0), (9, 0), (10, 1), (19, 1), (100, 10), (520, 50)]
)
def test_a_tenth_and_at_most_fifty_are_held_out(count: int, held: int, tmp_path: Path) -> None:
    rows = [(path,) for path in write(tmp_path, count)]
    (chosen,) = choose_held_out([rows], 0.1)
    assert len(chosen) == held


def test_the_choice_is_of_contents_and_not_of_names_or_order(tmp_path: Path) -> None:
    paths = write(tmp_path / "a", 40)
    (chosen,) = choose_held_out([[(path,) for path in paths]], 0.1)
    contents = {paths[index].read_bytes() for index in chosen}
    others = [tmp_path / "b" / f"{40 - number}-é.png" for number in range(40)]
    for path, other in zip(paths, others, strict=True):
        other.parent.mkdir(exist_ok=True)
        shutil.copy(path, other)
    others.sort()
    (again,) = choose_held_out([[(path,) for path in others]], 0.1)
    assert {others[index].read_bytes() for index in again} == contents


def test_added_images_leave_most_of_the_choice_as_it_was(tmp_path: Path) -> None:
    paths = write(tmp_path, 100)
    rows = [(path,) for path in paths]
    (before,) = choose_held_out([rows[:95]], 0.1)
    (after,) = choose_held_out([rows], 0.1)
    added = {index for index in after if index >= 95}
    assert len(before - after) <= len(added)
    assert len(after - before - added) <= len(after) - len(before)


def test_copies_never_straddle_the_splits(tmp_path: Path) -> None:
    for seed in range(20):
        paths = write(tmp_path / str(seed), 20, seed)
        for number in range(0, 20, 2):  # every image exists twice
            shutil.copy(paths[number], paths[number + 1])
        (chosen,) = choose_held_out([[(path,) for path in paths]], 0.1)
        assert len(chosen) == 2
        assert all(index ^ 1 in chosen for index in chosen)


def test_images_of_several_domains_are_never_held_out(tmp_path: Path) -> None:
    paths = write(tmp_path / "trainA", 30)
    write(tmp_path / "trainB", 30, 1)
    for path in paths[:15]:
        shutil.copy(path, tmp_path / "trainB" / f"copy-{path.name}")
    held = [path for domain in unpaired(str(tmp_path)).domains for path in domain.test]
    shared = {path.read_bytes() for path in paths[:15]}
    assert len(held) == 7 and not {path.read_bytes() for path in held} & shared


def test_where_all_images_are_in_both_domains_the_run_says_so(tmp_path: Path) -> None:
    for path in write(tmp_path / "trainA", 12):
        save(tmp_path / "trainB" / f"copy-{path.name}", noise(int(path.stem), 8, 8))
    (note,) = unpaired(str(tmp_path)).notes
    assert "are copies of each other, or of images of another domain" in note


def test_files_that_agree_at_both_ends_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.bmp" for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes(40_000) + bytes([number]) + bytes(40_000))
    (chosen,) = choose_held_out([[(path,) for path in paths]], 0.1)
    assert len(chosen) == 2


def test_copies_of_a_single_image_are_all_for_training(tmp_path: Path) -> None:
    paths = write(tmp_path, 1)
    paths += [Path(shutil.copy(paths[0], tmp_path / f"{number}.png")) for number in range(30)]
    assert choose_held_out([[(path,) for path in paths]], 0.1) == [frozenset()]


def test_files_that_cannot_be_read_are_not_held_out(tmp_path: Path) -> None:
    paths = write(tmp_path, 19)
    rows = [(path,) for path in paths] + [(tmp_path / "gone.png",)]
    (chosen,) = choose_held_out([rows], 0.1)
    assert len(chosen) == 2 and 19 not in chosen


def test_the_run_says_what_is_held_out_and_how_to_use_all(tmp_path: Path) -> None:
    write(tmp_path / "trainA", 30)
    write(tmp_path / "trainB", 25, 1)
    source = unpaired(str(tmp_path))
    assert [len(domain.train) for domain in source.domains] == [27, 23]
    assert source.facts.epoch == 27
    assert source.notes == (
        "held out for sheets and evaluation, chosen by content: 3 of 30 images of a, 2 of 25 "
        "images of b (holdout=0 trains on all images)",
    )
    every = unpaired(str(tmp_path), holdout=0.0)
    assert [len(domain.train) for domain in every.domains] == [30, 25]
    assert (held_names(every), every.notes) == ([set(), set()], ())
    half = unpaired(str(tmp_path), holdout=0.5)
    assert [len(domain.test) for domain in half.domains] == [15, 12]


def test_of_few_images_none_is_held_out_and_the_run_says_why(tmp_path: Path) -> None:
    write(tmp_path / "trainA", 9)
    write(tmp_path / "trainB", 1, 1)
    source = unpaired(str(tmp_path))
    assert [len(domain.train) for domain in source.domains] == [9, 1]
    assert source.notes == ("no images are held out for testing, since there are fewer than 10",)


@pytest.mark.parametrize("split", ["testA", "valB"])
def test_where_any_test_images_exist_none_are_held_out(split: str, tmp_path: Path) -> None:
    write(tmp_path / "trainA", 30)
    write(tmp_path / "trainB", 30, 1)
    write(tmp_path / split, 2, 2)
    source = unpaired(str(tmp_path))
    assert [len(domain.train) for domain in source.domains] == [30, 30]
    assert source.notes == ()


def test_pairs_stay_together_and_share_no_image_with_training(tmp_path: Path) -> None:
    write(tmp_path / "labels", 60)
    photos = write(tmp_path / "photos", 60, 1)
    for number in range(10):  # six photos of the same thing each
        for other in range(1, 6):
            shutil.copy(photos[number], photos[number + 10 * other])
    source = find_source(str(tmp_path), PLAIN, "paired")
    labels, others = source.domains
    assert [p.name for p in labels.test] == [p.name for p in others.test]
    assert [p.name for p in labels.train] == [p.name for p in others.train]
    assert len(labels.test) == 6
    kept = {path.read_bytes() for path in others.train}
    assert not kept & {path.read_bytes() for path in others.test}


def test_pairs_of_lists_stay_together(tmp_path: Path) -> None:
    paths = {name: write(tmp_path / name, 20, seed) for seed, name in enumerate("ab")}
    for name, own in paths.items():
        listed = own if name == "a" else [p.rename(p.with_stem(f"b{p.stem}")) for p in own[::-1]]
        (tmp_path / f"{name}.txt").write_text("\n".join(map(str, listed)))
    data = f"one={tmp_path / 'a.txt'},two={tmp_path / 'b.txt'}"
    one, two = find_source(data, PLAIN, "paired").domains
    assert len(one.test) == 2
    numbers = [int(path.stem) for path in one.test]
    assert [int(path.stem[1:]) for path in two.test] == [19 - number for number in numbers]
    assert len(one.lines) == len(one.train) == 18


def test_halves_of_a_file_stay_together(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / "train" / f"{number}.png", noise(number, 8, 16))
    for layout in ("paired", "unpaired"):
        left, right = find_source(str(tmp_path), PLAIN, layout).domains  # type: ignore[arg-type]
        assert left.test == right.test and len(left.test) == 2


def test_both_scales_of_an_image_are_held_out(tmp_path: Path) -> None:
    write(tmp_path, 20)
    low, high = find_source(str(tmp_path), Config(), "super_resolution").domains
    assert low.test == high.test and len(low.test) == 2 and len(high.train) == 18


def test_what_is_generated_from_noise_needs_no_inputs(tmp_path: Path) -> None:
    write(tmp_path, 20)
    source = find_source(str(tmp_path), replace(PLAIN, channels=(3,)), "single")
    assert len(source.domains[0].train) == 20 and source.notes == ()


def test_a_tenth_of_every_class_is_held_out(tmp_path: Path) -> None:
    write(tmp_path / "cats", 20)
    write(tmp_path / "dogs", 40, 1)
    write(tmp_path / "owls", 5, 2)
    (domain,) = find_source(str(tmp_path), LabelledConfig(), "labelled").domains
    held = [path.parent.name for path in domain.test]
    assert (held.count("cats"), held.count("dogs"), held.count("owls")) == (2, 4, 0)
    assert [*domain.label_names("test")] == held
    assert [*domain.label_names("train")] == [path.parent.name for path in domain.train]


def test_a_table_without_splits_is_held_out_by_content_as_well(tmp_path: Path) -> None:
    paths = write(tmp_path, 40)
    rows = "".join(f"{path.name},{number % 2}\n" for number, path in enumerate(paths))
    (tmp_path / "t.csv").write_text(f"file,x\n{rows}")
    (domain,) = find_source(str(tmp_path), LabelledConfig(), "labelled").domains
    assert (len(domain.train), len(domain.test), len(domain.test)) == (36, 4, 4)
    for path in domain.test:
        assert [*domain.label_names("test")].count("x") == sum(int(p.stem) % 2 for p in domain.test)
        assert path not in domain.train
    every = find_source(str(tmp_path), LabelledConfig(holdout=0.0), "labelled").domains[0]
    assert (len(every.train), every.test) == (40, ())


def test_a_photo_is_held_out_with_all_its_drawings(tmp_path: Path) -> None:
    for seed, name in enumerate(("cat", "dog")):
        write(tmp_path / "photos" / name, 20, seed)
        write(tmp_path / "edges" / name, 20, seed + 2)
        for path in write(tmp_path / "sketches" / name, 20, seed + 4):
            path.rename(path.with_name(f"{path.stem}-1.png"))
    source = find_source(str(tmp_path), ClassPairsConfig(), "class_pairs")
    sketches, photos, edges, others = source.domains
    assert [path.stem[:3] for path in sketches.test] == [path.stem for path in photos.test]
    assert {path for path in photos.test} == {path for path in others.test}
    assert not {*photos.test} & {*photos.train, *others.train}
    assert {path.parent.name for path in edges.test} == {"cat", "dog"}
    assert len(sketches.test) == len(edges.test) == 4


def test_earlier_runs_hold_nothing_out(tmp_path: Path) -> None:
    write(tmp_path / "trainA", 30)
    write(tmp_path / "trainB", 30, 1)
    source = unpaired(str(tmp_path), data_rules=2, holdout=0.0)
    assert held_names(source) == [set(), set()]


def test_linked_images_are_held_out_like_their_files(tmp_path: Path) -> None:
    for seed, name in enumerate("AB"):
        write(tmp_path / "files" / name, 30, seed)
        os.symlink(tmp_path / "files" / name, tmp_path / f"train{name}")
    linked = held_names(unpaired(str(tmp_path)))
    assert linked == held_names(unpaired(str(tmp_path / "files")))
    assert [len(names) for names in linked] == [3, 3]
