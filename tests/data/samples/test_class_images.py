from collections import Counter
from dataclasses import replace
from typing import ClassVar

import pytest
import torch

from crossimage.config import settings
from crossimage.data.inspect import inspect
from crossimage.data.loader import collate
from crossimage.data.sources.class_sets import NO_CLASS, find_class_set
from crossimage.labels import LabelSet, ReferencesConfig
from tests.conftest import open_dataset
from tests.data.helpers import flat, level, same


@settings
class TwoReferences(ReferencesConfig):
    references: ClassVar[int] = 2


PLAIN = TwoReferences(channels=(3,), resize=0, crop=(8, 8), flip=False, batch_size=2, workers=0)


def images(data, config=PLAIN):
    return open_dataset(data, config, "classes")


def label(vector):
    assert sorted(vector) == [0.0] * (len(vector) - 1) + [1.0]
    return vector.index(1.0)


@pytest.fixture
def uneven(tmp_path):
    """Nine images of cat, one of dog; the level's tens are the class."""
    for number in range(9):
        flat(tmp_path / "train" / "cat" / f"{number}.png", number)
    flat(tmp_path / "train" / "dog" / "0.png", 10)
    return tmp_path


def test_references_are_different_images_of_the_target_class(animals):
    data = images(animals)
    targets = Counter()
    for number in range(60):
        item = data[number]
        assert list(item.images) == ["x", "reference", "reference_2"]
        assert level(item.images["x"]) // 10 == label(item.labels["x"])
        first, second = level(item.images["reference"]), level(item.images["reference_2"])
        assert first // 10 == second // 10 == label(item.labels["target"]) and first != second
        assert len(item.files) == 3
        targets[label(item.labels["x"]), label(item.labels["target"])] += 1
    assert len(targets) == 9  # the target may be the image's own class


def test_a_sample_depends_on_its_number_alone(animals):
    config = replace(PLAIN, resize=12, flip=True, resized_crop=0.5)
    forwards, backwards = images(animals, config), images(animals, config)
    first = [forwards[n] for n in range(12)]
    second = [backwards[n] for n in reversed(range(12))][::-1]
    assert same(first, second)
    assert [item.labels for item in first] == [item.labels for item in second]
    assert collate(first[:2]).labels["target"].shape == (2, 3)


def test_classes_are_drawn_evenly_however_many_images_they_have(uneven):
    data = images(uneven, ReferencesConfig(channels=(3,), resize=0, crop=(8, 8), flip=False))
    seen = Counter()
    for number in range(200):
        seen.update({key: label(vector) for key, vector in data[number].labels.items()})
    assert 70 < seen["x"] < 130 and 70 < seen["target"] < 130


def test_unbalanced_images_are_all_seen_once_per_epoch(uneven):
    config = ReferencesConfig(channels=(3,), resize=0, crop=(8, 8), balanced=False)
    data = images(uneven, config)
    for epoch in range(3):
        seen = sorted(level(data[n].images["x"]) for n in range(10 * epoch, 10 * epoch + 10))
        assert seen == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
    references = Counter(level(data[n].images["reference"]) for n in range(300))
    assert len(references) == 10 and references[10] < 60  # as any other image


def test_too_few_images_of_a_class_are_named_with_what_helps(uneven):
    with pytest.raises(ValueError, match=r"too few training images of dog \(1\): .* 2 references"):
        images(uneven)
    flat(uneven / "train" / "owl" / "0.png", 20)
    flat(uneven / "train" / "owl" / "1.png", 21)
    assert images(uneven, replace(PLAIN, attributes=("cat", "owl"))).labels.names == ("cat", "owl")


def test_an_unreadable_reference_gives_way_to_another_of_its_class(animals):
    for path in sorted((animals / "train" / "dog").iterdir())[:1]:
        path.write_bytes(b"no image")
    data = images(animals, ReferencesConfig(channels=(3,), resize=0, crop=(8, 8)))
    reported = set()
    for number in range(40):
        item = data[number]
        assert item.error is None
        assert level(item.images["reference"]) // 10 == label(item.labels["target"])
        reported.update(path for _, path, _ in item.unreadable)
    assert len(reported) == 1


def test_fixed_references_are_of_other_classes(animals):
    fixed = images(animals).fixed("test", 3)
    assert fixed.images["reference"].shape == fixed.images["x"].shape == (3, 3, 8, 8)
    assert (fixed.labels["x"].argmax(1) != fixed.labels["target"].argmax(1)).all()
    again = images(animals).fixed("test", 3)
    assert torch.equal(again.images["reference"], fixed.images["reference"])


def test_one_attribute_makes_two_classes_and_several_are_a_class_each(faces):
    male = find_class_set(str(faces), ["Male"])
    assert male.label_set == LabelSet(("Male", "not_Male"), True)
    for path, values in zip(male.train, male.values, strict=True):
        assert values == ((1, 0) if int(path.stem) % 2 else (0, 1))
    assert find_class_set(str(faces), male.label_set.names) == male  # as a model names them
    both = find_class_set(str(faces), ["Young", "Male"])
    assert both.label_set == LabelSet(("Young", "Male"), True)
    assert all(sum(values) == 1 for values in both.values)
    assert len(both.train) + len(both.test) + len(both.left_out) == 12
    assert {entry.reason for entry in both.left_out} == {NO_CLASS}


def test_several_data_sets_are_refused(animals, faces):
    with pytest.raises(ValueError, match=r"names 2 data sets \(animals, faces\); expected one"):
        find_class_set(f"{animals},{faces}")


def test_test_images_may_be_of_unseen_classes_if_the_method_allows_it(animals):
    flat(animals / "val" / "fox" / "x.png", 200)
    with pytest.raises(ValueError, match="fox is a class that training does not have"):
        find_class_set(str(animals))
    found = find_class_set(str(animals), unseen=True)
    assert found.label_set.names == ("cat", "dog", "owl")
    assert [sum(values) for values in found.test_values] == [1, 1, 0, 1]
    assert found.describe_labels("test").endswith("images of classes unseen in training: 1")
    assert "unseen" not in found.describe_labels("train")
    held_out = find_class_set(str(animals), ["cat", "owl"], unseen=True)
    assert len(held_out.train) == 4 and len(held_out.test) == 4


def test_inspection_says_how_classes_and_parts_are_drawn(animals):
    config = replace(PLAIN, resized_crop=0.5, steps=30)
    text = " ".join(inspect(str(animals), config, layout="classes").training)
    assert "Of 50 % of the images, a random part of 80 to 100 % of the area" in text
    assert (
        "Classes are drawn evenly: in the 30 steps configured, images are seen 10.0 times" in text
    )
    assert "every image" not in text
    text = " ".join(
        inspect(str(animals), replace(config, balanced=False), layout="classes").training
    )
    assert "every image is seen within 3 steps" in text
