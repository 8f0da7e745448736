from collections import Counter
from dataclasses import replace

import pytest
import torch

from crossimage.data.loader import collate
from crossimage.labels import LabelledConfig, LabelSet
from tests.conftest import open_dataset
from tests.data.helpers import level
from tests.golden import SHARED

PLAIN = LabelledConfig(channels=(3,), resize=0, crop=(8, 8), flip=False, batch_size=2, workers=0)


def images(data, *chosen, config=PLAIN):
    return open_dataset(data, replace(config, attributes=chosen), "labelled")


def test_class_folders_are_labels_that_exclude_each_other(animals):
    data = images(animals)
    config = data.config
    assert config.domains == config.attributes == ("cat", "dog", "owl")
    assert (config.label_sets, config.categorical) == ((3,), (True,))
    assert data.domains[0].name == "animals" and len(data.domains[0].test) == 3
    for number in range(12):
        item = data[number]
        assert list(item.images) == ["x"]
        assert item.labels["x"] == [float(level(item.images["x"]) // 10 == i) for i in range(3)]


def test_chosen_folders_come_in_the_order_wanted(animals):
    data = images(animals, "OWL", "cat")
    assert data.labels.names == ("owl", "cat")
    assert len(data.domains[0].train) == 4 and len(data.domains[0].test) == 2
    seen = {(level(data[n].images["x"]) // 10, *data[n].labels["x"]) for n in range(8)}
    assert seen == {(0, 0.0, 1.0), (2, 1.0, 0.0)}


def test_a_table_gives_attributes_in_the_order_wanted(faces):
    assert images(faces).labels.names == ("Male", "Young")
    data = images(faces / "labels.csv", "young", "Male")
    assert data.domains[0].label_set == LabelSet(("Young", "Male"), False)
    assert data.domains[0].name == "labels"
    for number in range(20):
        item = data[number]
        young, male = item.labels["x"]
        assert level(item.images["x"]) == 100 + 10 * young + male


def test_the_target_is_that_of_another_image_and_like_the_sample_a_function_of_its_number(animals):
    data, again = images(animals, "cat", "dog"), images(animals, "cat", "dog")
    pairs = Counter()
    for number in range(100):
        item = data[number]
        assert item.labels == again[number].labels
        pairs[tuple(item.labels["x"]) == tuple(item.labels["target"])] += 1
    assert 15 < pairs[True] < 55  # one of the three others is of the same class
    assert collate([data[0], data[1]]).labels["target"].shape == (2, 2)


def test_several_data_sets_take_turns_and_the_mask_tells_whose_turn_it_is(animals, faces):
    data = images(f"{animals}, {faces}", "Male", "Young", "cat", "dog", "owl")
    assert data.labels.names == ("cat", "dog", "owl", "Male", "Young")
    assert data.config.label_sets == (3, 2) and data.config.categorical == (True, False)
    seen = {0: [], 1: []}
    for number in range(60):
        which, item = number // 2 % 2, data[number]
        for vector in item.labels.values():
            assert vector[5:] == [float(which == 0), float(which == 1)]
            assert not any(vector[3:5] if which == 0 else vector[:3])
        seen[which].append(level(item.images["x"]))
        assert (seen[which][-1] >= 100) == bool(which)
    animals_seen, faces_seen = seen[0], seen[1]
    for first in range(0, 30, 6):  # each shown once in an epoch of its own
        assert sorted(animals_seen[first : first + 6]) == [0, 3, 11, 14, 22, 25]
    everyone = sorted(faces_seen[:10])
    assert all(sorted(faces_seen[first : first + 10]) == everyone for first in (10, 20))
    assert animals_seen[:6] != animals_seen[6:12] or animals_seen[6:12] != animals_seen[12:18]


def test_one_data_set_has_no_mask(faces):
    assert len(images(faces)[0].labels["x"]) == 2


def test_the_turns_follow_the_samples_of_a_step(animals, faces):
    data = images(f"{animals},{faces}", config=replace(PLAIN, batch_size=4))
    turns = [level(data[number].images["x"]) >= 100 for number in range(12)]
    assert turns == [False] * 4 + [True] * 4 + [False] * 4


def test_fixed_images_are_of_many_kinds_and_keep_their_labels(animals, faces):
    data = images(f"{animals},{faces}")
    for split in ("train", "test"):
        batch = data.fixed(split, 3)
        labels = batch.labels["x"]
        assert len(labels) == len(batch.images["x"]) == (6 if split == "train" else 5)
        assert labels[:3, :3].sum(0).tolist() == [1, 1, 1]
        assert len(labels[3:].unique(dim=0)) == len(labels[3:])
        for image, vector in zip(batch.images["x"], labels.tolist(), strict=True):
            if vector[5]:
                assert level(image) // 10 == vector.index(1)
            else:
                assert level(image) == 100 + vector[3] + 10 * vector[4]
        assert torch.equal(data.fixed(split, 3).images["x"], batch.images["x"])


def test_unreadable_images_are_skipped(faces):
    (faces / "train" / "3.png").write_bytes(b"broken")
    data = images(faces)
    items = [data[number] for number in range(10)]
    ((name, path, reason),) = {entry for item in items for entry in item.unreadable}
    assert name == "faces" and path.endswith("3.png") and "can't be read" in reason
    assert len(data.fixed("train", 20).images["x"]) == 9
    for item in items:
        assert level(item.images["x"]) == 100 + item.labels["x"][0] + 10 * item.labels["x"][1]
    for path in (faces / "train").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(ValueError, match="none of the images of domain faces can be read"):
        data.fixed("train", 2)


def test_test_images_come_with_their_label_vectors(animals, faces):
    data = images(f"{animals},{faces}")
    batches = list(data.tests("x", 2))
    assert [len(shown) for shown, _ in batches] == [2, 2, 1]
    labels = torch.cat([labels for _, labels in batches])
    assert labels[0].tolist() == [1, 0, 0, 0, 0, 1, 0]
    assert labels[-1].tolist() == [0, 0, 0, 1, 1, 0, 1]


def test_changed_labels_change_the_fingerprint(faces):
    before = images(faces).fingerprint()
    assert before == images(faces).fingerprint() != images(faces, "Male").fingerprint()
    table = faces / "labels.csv"
    table.write_text(table.read_text().replace("0.png,20,0", "0.png,20,1", 1))
    after = images(faces).fingerprint()
    assert before.keys() == after.keys() == {"faces"} and before != after


def test_one_number_of_channels_is_for_all_data_sets(animals, faces):
    with pytest.raises(ValueError, match=r"holds 2 numbers, expected one for all images"):
        images(animals, config=replace(PLAIN, channels=(3, 3)))
    gray = images(f"{animals},{faces}", config=replace(PLAIN, channels=(1,)))
    assert gray[0].images["x"].shape == gray[2].images["x"].shape == (1, 8, 8)


def test_a_real_table_of_faces():
    folder = SHARED / "data" / "utkface"
    if not folder.is_dir():
        pytest.skip(f"there are no faces at {folder}")
    data = images(folder, "gender", "young_lt35", config=replace(PLAIN, crop=(128, 128)))
    (domain,) = data.domains
    assert (len(domain.train), len(domain.test)) == (2000, 400)
    assert sum(values[0] for values in domain.values) == 1000
    age = int(domain.train[0].name.split("_")[0])
    assert domain.values[0][1] == int(age < 35)
    assert data.fixed("test", 4).labels["x"].unique(dim=0).shape == (4, 2)
