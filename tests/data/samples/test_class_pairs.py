from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from crossimage.config import build
from crossimage.data.inspect import inspect
from crossimage.data.samples.class_pairs import ClassPairs
from crossimage.labels import ClassPairsConfig
from tests.conftest import open_dataset


def dataset(data: Path, **settings: Any) -> ClassPairs:
    given = {"channels": 3, "resize": 24, "crop": 16, "steps": 100, "batch_size": 4} | settings
    images = open_dataset(data, build(ClassPairsConfig, given), "class_pairs")
    assert isinstance(images, ClassPairs)
    return images


def drawn(images: ClassPairs, numbers: range) -> list[str]:
    """The set of each sample's drawing, and of the further photo the name."""
    return [Path(images[number].files[0]).parts[-3] for number in numbers]


def test_a_sample_is_a_function_of_its_number_alone(class_pairs: Path) -> None:
    one, other = dataset(class_pairs), dataset(class_pairs)
    _ = other[5]
    for number in (0, 7, 390):
        assert one[number].files == other[number].files
        for name in ("x", "photo", "real"):
            assert torch.equal(one[number].images[name], other[number].images[name])
    assert one[0].images.keys() == {"x", "photo", "real"}
    assert one[0].labels.keys() == {"x", "real"}


def test_the_share_of_sketches_grows_over_the_run(class_pairs: Path) -> None:
    images = dataset(class_pairs, sketch_share="0,1", flip=False)
    assert [images.sketch_share(step) for step in (0, 25, 100, 200)] == [0, 0.25, 1, 1]
    assert set(drawn(images, range(4))) == {"edges"}
    middle = drawn(images, range(160, 240)).count("sketches")
    assert 25 < middle < 55
    assert set(drawn(images, range(400, 420))) == {"sketches"}


def test_further_photos_have_a_share_of_their_own(class_pairs: Path) -> None:
    images = dataset(class_pairs, sketch_share="1,1", real_sketch_share=0)
    # photos 2 and 3 have edge maps, the others sketches
    assert {Path(images[n].files[2]).stem for n in range(30)} == {"2", "3"}
    assert {Path(images[n].files[0]).stem for n in range(30)} == {"0", "1", "4", "5"}


def test_labels_are_those_of_the_class_folders(class_pairs: Path) -> None:
    images = dataset(class_pairs)
    for number in range(20):
        sample = images[number]
        for name, file in (("x", 0), ("x", 1), ("real", 2)):
            folder = Path(sample.files[file]).parent.name
            assert sample.labels[name] == [float(folder == "x"), float(folder == "y")]


def test_brightness_and_contrast_leave_drawings_alone(class_pairs: Path) -> None:
    plain = dataset(class_pairs, flip=False, crop=24)
    changed = dataset(class_pairs, flip=False, crop=24, contrast=0.5, brightness=0.2)
    one, other = plain[3].images, changed[3].images
    assert torch.equal(one["x"], other["x"])
    assert not torch.equal(one["photo"], other["photo"])
    assert not torch.equal(one["real"], other["real"])


def test_sheets_show_test_drawings_with_their_photos(class_pairs: Path, tmp_path: Path) -> None:
    images = dataset(class_pairs)
    train, test = images.fixed("train", 2), images.fixed("test", 2)
    assert train.images["x"].shape[0] == train.images["photo"].shape[0] == 4  # two of each set
    assert sorted(test.labels["x"].tolist()) == [[0, 1], [1, 0]]  # one of each class
    alone = tmp_path / "alone"
    shutil.copytree(class_pairs, alone)
    shutil.rmtree(alone / "test/photos")
    assert dataset(alone).fixed("test", 2).images.keys() == {"x"}


def test_a_pair_that_cannot_be_read_gives_way_to_the_next(
    class_pairs: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(class_pairs, broken)
    (broken / "train/photos/x/2.png").write_bytes(b"no image")
    images = dataset(broken, sketch_share="0,0", real_sketch_share=0)
    samples = [images[number] for number in range(12)]
    assert {Path(sample.files[0]).stem for sample in samples} == {"3"}
    assert any("photos/x/2.png" in entry[1] for s in samples for entry in s.unreadable)
    (broken / "train/photos/y/3.png").write_bytes(b"no image")
    assert "edges" in (dataset(broken, sketch_share="0,0", real_sketch_share=0)[0].error or "")


def test_without_edge_maps_the_message_says_how_to_do_without(
    class_pairs: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(class_pairs, data)
    shutil.rmtree(data / "train/edges")
    with pytest.raises(FileNotFoundError, match=r"train/edges; with sketch_share=0\.2,0\.8 and"):
        dataset(data)
    alone = dataset(data, sketch_share="1,1", real_sketch_share=1)
    assert set(drawn(alone, range(10))) == {"sketches"}


def test_inspection_says_how_often_drawings_are_seen(class_pairs: Path) -> None:
    config = build(ClassPairsConfig, {"channels": 3, "steps": 100, "batch_size": 4})
    report = inspect(str(class_pairs), config, layout="class_pairs")
    assert report.problems == []
    # 4 sketches and 2 edge maps, half of 400 draws each
    expected = (
        "in the 100 steps configured, each of the 4 sketches 50 times and each of the 2 edges"
    )
    assert any(f"{expected} 100 times on average" in sentence for sentence in report.training)
